//! The live world through the control plane: entities, messages, the scene as it is now, figures.

use hd1_api::{CreateEntity, Entity, EntityList, PatchEntity, SendMessage, WorldStats};
use hd1_core::{PlayerId, SessionId};
use serde_json::{Map, Value, json};

use crate::authority::Authority;
use crate::control::{Control, Page};
use crate::error::Result;
use crate::worlds::{EntityFilter, EntityRef, WorldCommand};

impl Control {
    /// A page of a world's entities, in ascending order of their numbers; only those of a name or with a component,
    /// where that is asked.
    ///
    /// # Errors
    /// A missing right, a world that does not run.
    pub async fn list_entities(
        &self,
        authority: &Authority,
        id: SessionId,
        name: Option<String>,
        component: Option<String>,
        page: Page,
    ) -> Result<EntityList> {
        self.watch(authority, id).await?;
        let filter = EntityFilter { name, component, offset: u64::from(page.offset), limit: u64::from(page.limit) };
        let part = self.worlds().entities(id, &filter).await?;
        let pagination = page.envelope(part.total, part.entities.len());
        Ok(EntityList { entities: part.entities, pagination })
    }

    /// One entity.
    ///
    /// # Errors
    /// A missing right, a world that does not run, no such entity.
    pub async fn entity(&self, authority: &Authority, id: SessionId, entity: &EntityRef) -> Result<Entity> {
        self.watch(authority, id).await?;
        Ok(self.worlds().entity(id, entity).await?)
    }

    /// Makes an entity; answers it as the world then has it.
    ///
    /// # Errors
    /// A missing right, a world that does not run, components that break rules.
    pub async fn create_entity(&self, authority: &Authority, id: SessionId, wish: CreateEntity) -> Result<Entity> {
        let command = WorldCommand::Spawn { name: wish.name, components: wish.components };
        self.command(authority, id, command).await
    }

    /// Changes an entity; answers it as the world then has it.
    ///
    /// # Errors
    /// As [`Control::create_entity`], and no such entity.
    pub async fn patch_entity(
        &self,
        authority: &Authority,
        id: SessionId,
        entity: EntityRef,
        patch: PatchEntity,
    ) -> Result<Entity> {
        let mut set = Map::new();
        let mut remove = Vec::new();
        for (component, value) in patch.components {
            match value {
                Value::Null => remove.push(component),
                value => drop(set.insert(component, value)),
            }
        }
        self.command(authority, id, WorldCommand::Update { entity, name: patch.name, set, remove }).await
    }

    /// Ends an entity.
    ///
    /// # Errors
    /// A missing right, a world that does not run, no such entity.
    pub async fn delete_entity(&self, authority: &Authority, id: SessionId, entity: EntityRef) -> Result<()> {
        self.moderate(authority, id).await?;
        self.worlds().command(id, WorldCommand::Despawn { entity }).await?;
        Ok(())
    }

    /// Says something to the programs of those who are in a world; answers once it is on its way to them.
    ///
    /// # Errors
    /// A missing right, a world that does not run, what breaks rules.
    pub async fn send_message(&self, authority: &Authority, id: SessionId, wish: &SendMessage) -> Result<()> {
        self.moderate(authority, id).await?;
        if !self.is_hooked("message.sending") {
            return Ok(self.worlds().send(id, wish).await?);
        }
        let about = json!({ "session_id": id, "topic": wish.topic, "data": wish.data });
        let mut filtered = self.filtered("message.sending", about).await?;
        let wish = SendMessage { data: filtered["data"].take(), ..wish.clone() };
        Ok(self.worlds().send(id, &wish).await?)
    }

    /// Says something for a plugin: what it says is filtered by none, or two of them would speak for ever.
    ///
    /// # Errors
    /// A world that does not run, what breaks rules.
    pub async fn send_for_plugin(&self, id: SessionId, wish: &SendMessage) -> Result<()> {
        self.moderate(&Authority::admin(), id).await?;
        Ok(self.worlds().send(id, wish).await?)
    }

    /// Hands the authority of an entity to a player, or with `None` back to the server, whoever has it now; answers the
    /// entity as the world then has it.
    ///
    /// # Errors
    /// A missing right, a world that does not run, no such entity or player, an entity that nobody can drive.
    pub async fn hand_entity(
        &self,
        authority: &Authority,
        id: SessionId,
        entity: EntityRef,
        player: Option<PlayerId>,
    ) -> Result<Entity> {
        self.command(authority, id, WorldCommand::Hand { entity, player }).await
    }

    /// The world as a scene file.
    ///
    /// # Errors
    /// A missing right, a world that does not run.
    pub async fn scene(&self, authority: &Authority, id: SessionId) -> Result<Value> {
        self.watch(authority, id).await?;
        Ok(self.worlds().scene(id).await?)
    }

    /// The world's figures; asking does not wake it.
    ///
    /// # Errors
    /// A missing right.
    pub async fn stats(&self, authority: &Authority, id: SessionId) -> Result<WorldStats> {
        let record = self.visible(authority, id).await?;
        authority.watch(&record)?;
        Ok(self.worlds().stats(id).await?)
    }

    async fn command(&self, authority: &Authority, id: SessionId, command: WorldCommand) -> Result<Entity> {
        self.moderate(authority, id).await?;
        let entity = self.worlds().command(id, command).await?;
        Ok(self.worlds().entity(id, &EntityRef::Id(entity)).await?)
    }

    async fn watch(&self, authority: &Authority, id: SessionId) -> Result<()> {
        let record = self.visible(authority, id).await?;
        authority.watch(&record)?;
        self.ensure_awake(id).await
    }

    async fn moderate(&self, authority: &Authority, id: SessionId) -> Result<()> {
        let record = self.visible(authority, id).await?;
        authority.moderate(&record)?;
        self.ensure_awake(id).await
    }
}
