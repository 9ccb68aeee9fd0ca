//! The checks at the door that need no world: rates, and the sizes inside a hello and an operation.

use hd1_protocol::{
    CloseCode, Operation, PROTOCOL_VERSION,
    limits::{CHAT_BYTES_MAX, OPERATION_COMPONENTS_MAX},
    message::{Components, Hello, OpError, OpErrorCode},
    said::{self, Broken},
};

use super::Credential;
use crate::{Closing, bucket::Bucket, limits};

/// How often a client may do things; the defaults stand in [`crate::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Frames of any kind per second, and at once.
    pub messages: (u32, u32),
    /// Operations per second, and at once.
    pub ops: (u32, u32),
    /// Inputs per second, and at once.
    pub inputs: (u32, u32),
    /// Refusals forgiven per second, and at once.
    pub strikes: (u32, u32),
}

impl Default for Rates {
    fn default() -> Self {
        Rates {
            messages: (limits::MESSAGES_PER_S, limits::MESSAGES_BURST),
            ops: (limits::OPS_PER_S, limits::OPS_BURST),
            inputs: (limits::INPUTS_PER_S, limits::INPUTS_BURST),
            strikes: (limits::STRIKES_PER_S, limits::STRIKES_BURST),
        }
    }
}

#[derive(Debug)]
pub(super) struct Gate {
    messages: Bucket,
    ops: Bucket,
    inputs: Bucket,
    strikes: Bucket,
}

impl Gate {
    pub(super) fn new(now: u64, rates: Rates) -> Self {
        let bucket = |(per_s, burst)| Bucket::new(now, per_s, burst);
        Gate {
            messages: bucket(rates.messages),
            ops: bucket(rates.ops),
            inputs: bucket(rates.inputs),
            strikes: bucket(rates.strikes),
        }
    }

    pub(super) fn message(&mut self, now: u64) -> bool {
        self.messages.take(now)
    }

    pub(super) fn op(&mut self, now: u64) -> bool {
        self.ops.take(now)
    }

    pub(super) fn input(&mut self, now: u64) -> bool {
        self.inputs.take(now)
    }

    pub(super) fn strike(&mut self, now: u64) -> bool {
        self.strikes.take(now)
    }
}

pub(super) fn check_hello(hello: &Hello) -> Result<Credential, Closing> {
    if hello.version != PROTOCOL_VERSION {
        let reason = format!("version {} is spoken here, not {}", PROTOCOL_VERSION, hello.version);
        return Err(Closing::new(CloseCode::BadVersion, reason));
    }
    let too_large = |what: &str| Err(Closing::new(CloseCode::TooLarge, what));
    if hello.capabilities.len() > limits::CAPABILITIES_MAX
        || hello.capabilities.iter().any(|name| name.len() > limits::CAPABILITY_BYTES_MAX)
    {
        return too_large("a hello has at most 16 capabilities of 64 bytes");
    }
    match (&hello.ticket, &hello.resume) {
        (Some(ticket), _) if ticket.len() > limits::TICKET_BYTES_MAX => too_large("a ticket is at most 4096 bytes"),
        (_, Some(resume)) if resume.len() > limits::RESUME_BYTES_MAX => {
            too_large("a resume token is at most 128 bytes")
        }
        (_, Some(resume)) => Ok(Credential::Resume(resume.clone())),
        (Some(ticket), None) => Ok(Credential::Ticket(ticket.clone())),
        (None, None) => Err(Closing::new(CloseCode::BadTicket, "a hello carries a ticket or a resume token")),
    }
}

pub(super) fn check_operation(op: &Operation) -> Option<OpError> {
    let refuse = |message: String, path: &str| {
        Some(OpError { code: OpErrorCode::Invalid, message, path: Some(path.to_owned()) })
    };
    let counted = |components: &Components| {
        let count = components.len();
        (count > OPERATION_COMPONENTS_MAX).then(|| {
            let message = format!("must name at most {OPERATION_COMPONENTS_MAX} components, names {count}");
            OpError { code: OpErrorCode::Invalid, message, path: Some("components".into()) }
        })
    };
    match op {
        Operation::Spawn { components } | Operation::Update { components, .. } => counted(components),
        Operation::Chat { text } if text.len() > CHAT_BYTES_MAX => {
            refuse(format!("must be at most {CHAT_BYTES_MAX} bytes, has {}", text.len()), "text")
        }
        Operation::Chat { text } if text.trim().is_empty() => refuse("must not be empty".into(), "text"),
        Operation::Send { topic, data, .. } | Operation::Ask { topic, data, .. } => {
            said::check(topic, data).err().and_then(|Broken { path, rule }| refuse(format!("{path}: {rule}"), path))
        }
        Operation::Answer { data, .. } => {
            said::check_data(data).err().and_then(|Broken { path, rule }| refuse(format!("{path}: {rule}"), path))
        }
        _ => None,
    }
}
