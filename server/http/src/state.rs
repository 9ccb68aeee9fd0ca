//! What every handler reaches: the rules, the ports, the limiters.

use std::sync::Arc;
use std::time::Instant;

use hd1_control::Control;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::addresses::Connections;
use crate::doors::Doors;
use crate::figures::FigureSource;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX};
use crate::metrics::HttpMetrics;
use crate::proxies::Proxies;
use crate::rate::{Rate, RateLimiter};
use crate::realtime::RealtimeGate;

/// What an operator may set about the HTTP edge.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Origins beside the server's own whose pages may open WebSockets, as in `https://play.example.org`.
    pub allowed_origins: Vec<String>,
    /// The address that clients see when it differs from the `Host` they send, as in `https://play.example.org`.
    pub public_url: Option<String>,
    /// The proxies that are believed when they say for whom they speak.
    pub trusted_proxies: Proxies,
    /// Joins without a token, per address.
    pub guest_joins: Rate,
    /// Joins with a token, per address.
    pub joins: Rate,
    /// Requests with a token that is not good, per address.
    pub token_failures: Rate,
    /// Connections per address.
    pub connections_per_address_max: u32,
    /// Connections in all.
    pub connections_max: u32,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            public_url: None,
            trusted_proxies: Proxies::default(),
            guest_joins: Rate { burst: 30, per_s: 1.0 },
            joins: Rate { burst: 2_000, per_s: 200.0 },
            token_failures: Rate { burst: 20, per_s: 0.2 },
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            connections_max: CONNECTIONS_MAX,
        }
    }
}

/// The state of the HTTP edge, cheap to clone.
#[derive(Clone)]
pub struct HttpState {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) control: Control,
    pub(crate) realtime: Arc<dyn RealtimeGate>,
    pub(crate) doors: Arc<dyn Doors>,
    pub(crate) settings: HttpSettings,
    pub(crate) guest_joins: RateLimiter,
    pub(crate) joins: RateLimiter,
    pub(crate) token_failures: RateLimiter,
    pub(crate) connections: Arc<Connections>,
    pub(crate) metrics: HttpMetrics,
    /// Requests and upgraded connections that a drain waits for.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the server drains.
    pub(crate) draining: CancellationToken,
}

impl HttpState {
    /// The state over these rules and ports; `figures` are added to `/metrics`.
    #[must_use]
    pub fn new(
        control: Control,
        realtime: Arc<dyn RealtimeGate>,
        doors: Arc<dyn Doors>,
        figures: Vec<Arc<dyn FigureSource>>,
        settings: HttpSettings,
    ) -> Self {
        let now = Instant::now();
        let connections = Connections::new(settings.connections_per_address_max, settings.connections_max);
        let inner = Inner {
            control,
            realtime,
            doors,
            guest_joins: RateLimiter::new(settings.guest_joins, now),
            joins: RateLimiter::new(settings.joins, now),
            token_failures: RateLimiter::new(settings.token_failures, now),
            metrics: HttpMetrics::new(Arc::clone(&connections), figures),
            connections,
            settings,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn control(&self) -> &Control {
        &self.inner.control
    }
}
