//! What players' programs ask the server: services answer, by the topics that their channels mean.

use serde_json::Value;

use crate::control::Control;
use crate::error::Result;
use crate::limits::DECLINED_BYTES_MAX;
use crate::plugin_host::{ChannelAsked, ServiceFault};

impl Control {
    /// Has services answer what a player's program has asked under a number, and the world tell it. Of several whose
    /// channels mean the topic the first by its id answers.
    ///
    /// # Errors
    /// A world that does not run any more, or where nobody waits for the answer any more.
    pub async fn answer_program(&self, request: u32, asked: &ChannelAsked) -> Result<()> {
        let answer = self.answer_of(asked).await.map_err(|why| bounded(&why));
        Ok(self.worlds().answer(asked.session, request, answer).await?)
    }

    async fn answer_of(&self, asked: &ChannelAsked) -> Result<Value, String> {
        let topic = &asked.topic;
        let found = self.host().services().into_iter().find_map(|service| {
            let channel = service.plan.channel(topic)?;
            Some((service, channel))
        });
        let Some((service, channel)) = found else {
            return Err(format!("nobody on this server answers {topic}"));
        };
        let plugin = service.spec.plugin.as_str();
        match self.host().channel(plugin, channel, asked).await {
            Ok(Ok(text)) => serde_json::from_str(&text).map_err(|error| {
                tracing::warn!(plugin.id = plugin, topic, %error, "what a channel answered is no JSON");
                format!("{plugin} failed")
            }),
            Ok(Err(why)) => Err(why),
            Err(ServiceFault::NotRunning | ServiceFault::Busy) => Err(format!("{plugin} does not answer now")),
            Err(ServiceFault::Failed(why)) => {
                tracing::warn!(plugin.id = plugin, topic, why, "a channel failed");
                Err(format!("{plugin} failed"))
            }
        }
    }
}

/// As much of a reason as a program may be told; there is always one.
fn bounded(why: &str) -> String {
    match &why[..why.floor_char_boundary(DECLINED_BYTES_MAX)] {
        "" => "it was declined".to_owned(),
        why => why.to_owned(),
    }
}
