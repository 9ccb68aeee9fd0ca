//! A client against a server of a few lines, over real QUIC: in, act, lose the connection, come back, leave.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use hd1_client::{Client, ClientError, ClientOptions, Connector, Endpoint, Event, ServerEvent, Trust};
use hd1_core::{NetId, ParticipantId, PlayerId, Role, SessionId, Tick, TickRate};
use hd1_protocol::{
    CloseCode, InputSample, Operation, ServerMessage,
    message::{OpError, OpErrorCode, Welcome},
    shapes::Shapes,
    snapshot::{self, ChunkPlace, Shown},
    state::{Base, StateHeader, TickCodes},
};
use hd1_schema::catalogue_hash;
use hd1_session::{ClientEvent, Credential, Rates, ServerConnection, Transmit};
use hd1_transport::{Certificate, Link, LinkEvent, QuicServer, ServerOptions};
use tokio::time::{Instant, sleep, sleep_until, timeout};

type Seen = Arc<Mutex<Vec<ClientEvent>>>;

fn welcome() -> Welcome {
    Welcome {
        version: 1,
        capabilities: Vec::new(),
        session: SessionId("01234567-89ab-7cde-8f01-23456789abcd".parse().unwrap()),
        participant: ParticipantId("01234567-89ab-7cde-8f01-23456789abce".parse().unwrap()),
        player: PlayerId(1),
        role: Role::Participant,
        tick: Tick(100),
        tick_rate: TickRate::try_from(50).unwrap(),
        server_us: 0,
        resume_token: "come back".into(),
        resume_grace_s: 30,
        catalogue_hash: catalogue_hash(&[]),
        catalogue: None,
        participants: Vec::new(),
        movement: None,
        camera: None,
    }
}

/// An empty world that ticks: enough to acknowledge, answer and time by.
async fn serve(mut link: Link, seen: Seen) {
    let started = Instant::now();
    let now = || started.elapsed().as_micros() as u64;
    let mut server = ServerConnection::new(now(), link.encoding(), Rates::default());
    let (mut tick, mut base, mut input, mut live) = (Tick(100), Tick(100), 0, false);
    loop {
        while let Some(event) = server.poll_event() {
            match &event {
                ClientEvent::Hello { credential: Credential::Ticket(ticket), .. } if ticket == "forged" => {
                    server.close(now(), CloseCode::BadTicket, "forged");
                }
                ClientEvent::Hello { .. } => {
                    server.accept(now(), welcome(), &[]);
                    let bodies = snapshot::encode(&Shapes::default(), &Shown::default()).unwrap();
                    let place = ChunkPlace { ends_stream: true, completes_view: true, with_structure: false };
                    let frame = snapshot::frame(tick, place, &[], &bodies[0].bytes);
                    server.send_snapshot(now(), tick, [Bytes::from(frame)]);
                    live = true;
                }
                ClientEvent::Op { id, op: Operation::Despawn { entity } } => {
                    let done = ServerMessage::OpResult {
                        id: *id,
                        ok: true,
                        tick: Some(Tick(100)),
                        entity: Some(*entity),
                        data: None,
                        error: None,
                    };
                    server.send_message(now(), &done);
                }
                ClientEvent::Op { id, .. } => {
                    let error = OpError { code: OpErrorCode::Denied, message: "no".into(), path: None };
                    let refused = ServerMessage::refusal(*id, error);
                    server.send_message(now(), &refused);
                }
                ClientEvent::Acked(receipt) => base = receipt.whole.newest(),
                ClientEvent::Input(sample) => input = sample.seq,
                ClientEvent::Drive(_) | ClientEvent::Bye => {}
            }
            seen.lock().unwrap().push(event);
        }
        while let Some(transmit) = server.poll_transmit(now(), link.room()) {
            match transmit {
                Transmit::Packet(packet) => link.send(packet),
                Transmit::Close(closing) => return link.close(closing.code, &closing.reason).await,
            }
        }
        let next_tick = started + Duration::from_millis(20) * (tick.0 - 99) as u32;
        tokio::select! {
            event = link.next() => match event {
                Ok(LinkEvent::Packet(packet)) => server.handle_packet(now(), &packet),
                Ok(LinkEvent::Room) => {}
                Err(_) => return,
            },
            () = sleep_until(next_tick) => {
                tick = tick.next();
                let header = StateHeader { input_ack: input, tick, quiet: 0, base: Base::alone(base), index: 0, count: 1 };
                let mut frame = Vec::new();
                header.encode(&mut frame);
                TickCodes::default().encode(0, &mut frame);
                if live {
                    server.send_state(now(), tick, [frame.into()]);
                }
            }
        }
    }
}

async fn start() -> (Endpoint, Seen) {
    let certificate = Certificate::self_signed(&["127.0.0.1".into()], 13).unwrap();
    let trust = Trust::Pinned(vec![certificate.sha256()]);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut server = QuicServer::bind(address, ServerOptions::new(certificate)).unwrap();
    let endpoint = Endpoint::Quic(server.local_addr().unwrap().to_string(), trust);
    let seen = Seen::default();
    let shared = seen.clone();
    tokio::spawn(async move {
        while let Some(link) = server.accept().await {
            tokio::spawn(serve(link, shared.clone()));
        }
    });
    (endpoint, seen)
}

async fn until(client: &mut Client, wanted: impl Fn(&Event) -> bool) {
    let waiting = async { while !wanted(&client.next().await.unwrap()) {} };
    timeout(Duration::from_secs(10), waiting).await.expect("the event in time");
}

#[tokio::test]
async fn a_client_acts_and_measures() {
    let (endpoint, seen) = start().await;
    let connector = Connector::bind().unwrap();
    let mut client = Client::connect(&connector, ClientOptions::new(endpoint, "ticket")).await.unwrap();
    assert!(client.mirror().is_ready());
    assert_eq!(client.welcome().map(|w| w.player), Some(PlayerId(1)));
    assert_eq!(client.op(Operation::Despawn { entity: NetId(7) }).await.unwrap(), Some(NetId(7)));
    let refused = client.chat("hello").await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(error) if error.code == OpErrorCode::Denied), "{refused}");
    let seq = client.set_input(InputSample { forward: 1.0, ..InputSample::default() });
    let waiting = async {
        while client.input_ack() < seq {
            client.next().await.unwrap();
        }
        for _ in 0..60 {
            client.next().await.unwrap();
        }
    };
    timeout(Duration::from_secs(10), waiting).await.unwrap();
    let stats = client.stats();
    assert!(stats.ticks_complete > 10 && stats.desyncs == 0, "{stats:?}");
    assert!(stats.rtt_us > 0 && stats.bytes_in > 0 && stats.bytes_out > 0, "{stats:?}");
    client.leave().await;
    let gone = async {
        while !seen.lock().unwrap().contains(&ClientEvent::Bye) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), gone).await.expect("the goodbye was heard");
}

/// Polls once and drops the wait, as a `select!` may at any await.
async fn glance(client: &mut Client) -> Option<Event> {
    let mut waiting = pin!(client.next());
    poll_fn(|cx| match waiting.as_mut().poll(cx) {
        Poll::Ready(event) => Poll::Ready(Some(event.unwrap())),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_wait_that_is_dropped_at_every_await_loses_nothing() {
    let (endpoint, _seen) = start().await;
    let connector = Connector::bind().unwrap();
    let mut client = Client::connect(&connector, ClientOptions::new(endpoint, "ticket")).await.unwrap();
    let ten_ticks = async {
        let mut whole = 0;
        while whole < 10 {
            match glance(&mut client).await {
                Some(Event::Server(ServerEvent::Complete(_))) => whole += 1,
                Some(_) => {}
                None => sleep(Duration::from_millis(1)).await,
            }
        }
    };
    timeout(Duration::from_secs(10), ten_ticks).await.expect("ticks, though no wait is ever finished");
}

#[tokio::test]
async fn a_client_comes_back_with_its_token() {
    let (endpoint, seen) = start().await;
    let connector = Connector::bind().unwrap();
    let mut client = Client::connect(&connector, ClientOptions::new(endpoint, "ticket")).await.unwrap();
    until(&mut client, |event| matches!(event, Event::Server(ServerEvent::Complete(_)))).await;
    client.cut();
    until(&mut client, |event| matches!(event, Event::Server(ServerEvent::Closed(_)))).await;
    until(&mut client, |event| matches!(event, Event::Reconnecting { attempt: 1, .. })).await;
    until(&mut client, |event| matches!(event, Event::Server(ServerEvent::Ready { .. }))).await;
    until(&mut client, |event| matches!(event, Event::Server(ServerEvent::Complete(_)))).await;
    assert_eq!(client.stats().reconnects, 1);
    let resumed = Credential::Resume("come back".into());
    let hello = |event: &&ClientEvent| matches!(event, ClientEvent::Hello { .. });
    let hellos: Vec<_> = seen.lock().unwrap().iter().filter(hello).cloned().collect();
    assert!(matches!(&hellos[1], ClientEvent::Hello { credential, .. } if *credential == resumed), "{hellos:?}");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code() {
    let (endpoint, _) = start().await;
    let connector = Connector::bind().unwrap();
    let refused = Client::connect(&connector, ClientOptions::new(endpoint, "forged")).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Closed(closing) if closing.code == CloseCode::BadTicket), "{refused}");
}
