//! Services in the real host: what they are lent, and what becomes of those that misbehave.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hd1_host::LoadError;
use hd1_host::service::{
    CallFault, Caller, CallerKind, Failure, HttpAnswer, Outgoing, PortFuture, Ports, Request, Response, Service,
    ServiceHost, Who,
};
use hd1_manifest::Rights;

/// A component of this workspace, built once.
fn component(package: &str) -> &'static [u8] {
    static BUILT: OnceLock<BTreeMap<&'static str, Vec<u8>>> = OnceLock::new();
    let all = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("components");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--release", "--target", "wasm32-unknown-unknown"])
            .args(["-p", "hd1-hello-http", "-p", "hd1-unruly", "--target-dir"])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(status.expect("cargo can be run").success(), "the components do not build");
        let read = |name: &'static str, file: &str| {
            let module = std::fs::read(target.join("wasm32-unknown-unknown/release").join(file)).expect("it was built");
            let encoder = wit_component::ComponentEncoder::default().validate(true).module(&module);
            (name, encoder.and_then(|mut encoder| encoder.encode()).expect("it is a component's module"))
        };
        BTreeMap::from([read("hello", "hd1_hello_http.wasm"), read("unruly", "hd1_unruly.wasm")])
    });
    &all[package]
}

fn host() -> &'static ServiceHost {
    static HOST: OnceLock<ServiceHost> = OnceLock::new();
    HOST.get_or_init(|| ServiceHost::new().expect("this machine runs WebAssembly"))
}

/// Ports that keep values in memory, let plugins call the one service that is there, and have no more.
#[derive(Default)]
struct Memory {
    values: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    other: Arc<OnceLock<Arc<Service>>>,
}

fn ready<T: Send + 'static>(answer: Result<T, Failure>) -> PortFuture<T> {
    Box::pin(std::future::ready(answer))
}

fn none<T: Send + 'static>() -> PortFuture<T> {
    ready(Err(Failure::Unavailable("not here".into())))
}

impl Ports for Memory {
    fn kv_get(&self, _: &Who, key: String) -> PortFuture<Option<Vec<u8>>> {
        ready(Ok(self.values.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()))
    }

    fn kv_set(&self, _: &Who, _: String, _: Vec<u8>, _: Option<u32>) -> PortFuture<()> {
        none()
    }

    fn kv_delete(&self, _: &Who, key: String) -> PortFuture<bool> {
        ready(Ok(self.values.lock().unwrap_or_else(PoisonError::into_inner).remove(&key).is_some()))
    }

    fn kv_keys(&self, _: &Who, prefix: String, after: String, limit: u32) -> PortFuture<Vec<String>> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = values.keys().filter(|key| key.starts_with(&prefix) && **key > after);
        ready(Ok(keys.take(limit as usize).cloned().collect()))
    }

    fn kv_add(&self, _: &Who, key: String, by: i64) -> PortFuture<i64> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let had = values.get(&key).and_then(|bytes| str::from_utf8(bytes).ok()?.parse::<i64>().ok()).unwrap_or(0);
        values.insert(key, (had + by).to_string().into_bytes());
        ready(Ok(had + by))
    }

    fn http(&self, _: &Who, _: Outgoing) -> PortFuture<HttpAnswer> {
        ready(Err(Failure::Unavailable("no network here".into())))
    }

    fn secret(&self, _: &Who, _: String) -> PortFuture<Option<String>> {
        none()
    }

    fn sessions(&self, _: &Who, _: u32, _: u32) -> PortFuture<String> {
        none()
    }

    fn session(&self, _: &Who, _: String) -> PortFuture<String> {
        none()
    }

    fn entities(&self, _: &Who, _: String, _: String, _: u32, _: u32) -> PortFuture<String> {
        none()
    }

    fn send(&self, _: &Who, _: String, _: Option<u32>, _: String, _: String) -> PortFuture<()> {
        none()
    }

    fn spawn(&self, _: &Who, _: String, _: String) -> PortFuture<u32> {
        none()
    }

    fn update(&self, _: &Who, _: String, _: u32, _: String) -> PortFuture<()> {
        none()
    }

    fn despawn(&self, _: &Who, _: String, _: u32) -> PortFuture<()> {
        none()
    }

    fn enqueue(&self, _: &Who, _: String, _: String, _: u64, _: Option<String>) -> PortFuture<()> {
        none()
    }

    fn call(&self, who: &Who, _: String, function: String, argument: String) -> PortFuture<String> {
        let Some(other) = self.other.get().cloned() else { return none() };
        let (depth, caller) = (who.depth + 1, who.plugin.to_string());
        Box::pin(async move {
            let at = other.plan().functions.iter().position(|one| one.name == function).expect("it has that one");
            let answer = other.call(at, depth, &caller, &argument).await;
            answer.map_err(|fault| Failure::Unavailable(fault.to_string()))
        })
    }
}

fn rights(all: &[&str]) -> Rights {
    all.iter().map(|right| right.parse().expect("it is a right")).collect()
}

fn started(package: &str, with: &[&str], ports: Memory) -> Service {
    let loaded = host().load(component(package)).expect("it has no fault");
    loaded.start(&format!("hd1:{package}"), rights(with), r#"{"greeting":"Ahoy"}"#, Arc::new(ports))
}

fn request(params: &[(&str, &str)]) -> Request {
    let caller = Caller {
        kind: CallerKind::Token,
        id: "t1".into(),
        name: "Ada".into(),
        role: "developer".into(),
        session: None,
    };
    Request {
        method: "GET".into(),
        path: "/".into(),
        query: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
        params: params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        caller,
    }
}

fn text(response: &Response) -> &str {
    str::from_utf8(&response.body).expect("it is text")
}

#[tokio::test]
async fn a_route_answers_by_what_it_is_lent() {
    let service = started("hello", &["kv"], Memory::default());
    assert_eq!(service.plan().routes[0].path, "/greet/{name}");
    for count in 1..=3 {
        let response = service.route(0, &request(&[("name", "Bob")])).await.unwrap();
        assert_eq!(text(&response), format!(r#"{{"count":{count},"text":"Ahoy, Bob!"}}"#));
    }
    let me = service.route(1, &request(&[])).await.unwrap();
    assert_eq!(text(&me), r#"{"id":"t1","name":"Ada","role":"developer"}"#);
    assert_eq!(text(&service.route(2, &request(&[])).await.unwrap()), r#"{"forgotten":1}"#);
    assert_eq!(service.meter().counters()["greetings"], 3);
    let figures = service.meter().figures();
    assert_eq!((figures[0].name.as_str(), figures[0].runs), ("GET /greet/{name}", 3));
    assert!(figures[0].fuel > 0);
    assert!(service.meter().log(10).iter().any(|line| line.text == "forgot 1 names"));
}

#[tokio::test]
async fn who_has_no_right_is_told_which_one_is_missing() {
    let service = started("hello", &[], Memory::default());
    let told = service.route(0, &request(&[("name", "Bob")])).await.unwrap_err();
    assert!(told.to_string().contains("no right `kv`"), "{told}");
    let unruly = started("unruly", &["network:example.org:443"], Memory::default());
    let sent = unruly.route(0, &request(&[("way", "send")])).await.unwrap();
    assert!(text(&sent).contains("no network here"), "the port decides where it may go: {}", text(&sent));
    let unruly = started("unruly", &["kv"], Memory::default());
    let sent = unruly.route(0, &request(&[("way", "send")])).await.unwrap();
    assert!(text(&sent).contains("no right `network:HOST:PORT`"), "{}", text(&sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_misbehaves_is_ended_and_named_and_the_next_call_goes_on() {
    let service = started("unruly", &[], Memory::default());
    for (way, kind, told) in [
        ("loop", "fuel", "more than its"),
        ("memory", "trap", ""),
        ("depth", "stack", "deeper than the stack"),
        ("panic", "trap", ""),
        ("flood", "trap", "more than 10000 times"),
        ("huge", "trap", ""),
        ("error", "error", "it is not to be"),
    ] {
        let fault = service.route(0, &request(&[("way", way)])).await.map(|answer| answer.status).unwrap_err();
        assert_eq!(fault.kind(), kind, "{way}: {fault}");
        assert!(fault.to_string().contains(told), "{way}: {fault}");
        let after = service.route(0, &request(&[("way", "nothing")])).await.unwrap();
        assert_eq!(after.status, 404, "after {way}");
    }
    let figures = &service.meter().figures()[0];
    assert_eq!(figures.faults["trap"], 4);
    assert!(service.meter().log(100).iter().any(|line| line.text.contains("on purpose")), "a panic says what it was");
}

#[tokio::test]
async fn what_it_logs_is_bounded() {
    let service = started("unruly", &[], Memory::default());
    service.route(0, &request(&[("way", "shout")])).await.unwrap();
    let lines = service.meter().log(10_000);
    assert_eq!(lines.len(), 100);
    assert!(lines.iter().all(|line| line.text.len() <= 1_100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_computes_keeps_nobody_from_working() {
    let service = Arc::new(started("unruly", &[], Memory::default()));
    let hogs: Vec<_> = (0..4)
        .map(|_| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.route(0, &request(&[("way", "loop")])).await.map(|_| ()) })
        })
        .collect();
    let begun = Instant::now();
    let mut turns = 0;
    while hogs.iter().any(|hog| !hog.is_finished()) && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        turns += 1;
    }
    for hog in hogs {
        assert!(matches!(hog.await.unwrap(), Err(CallFault::Broken(_))));
    }
    // Where services kept their threads until their ends, it had none or one.
    assert!(turns > 4, "a task had {turns} turns while four services used both threads");
}

#[tokio::test]
async fn plugins_call_each_other_but_not_for_ever() {
    let ports = Memory::default();
    let other = Arc::clone(&ports.other);
    let service = Arc::new(started("unruly", &["call:hd1:unruly"], ports));
    other.set(Arc::clone(&service)).unwrap();
    assert_eq!(
        service.call(0, 0, "acme:wind", r#"{"x":1}"#).await.unwrap(),
        r#"{"argument":{"x":1},"caller":"acme:wind"}"#
    );
    let told = service.call(1, 0, "acme:wind", "{}").await.unwrap_err();
    assert!(told.to_string().contains("4 deep already"), "{told}");
}

#[tokio::test]
async fn what_is_no_service_is_refused_before_it_runs() {
    let told = |wasm: &[u8]| host().load(wasm).map(|_| ()).unwrap_err();
    let module = wat::parse_str("(module)").unwrap();
    assert!(matches!(told(&module), LoadError::Malformed(why) if why.contains("core module")));
    let bare = wat::parse_str("(component)").unwrap();
    assert!(told(&bare).to_string().contains("there is none"));
    let section = |json: &str| format!(r#"(component (@custom "hd1.service" {json:?}))"#);
    let lying = wat::parse_str(section(r#"{"abi":1,"routes":[{"method":"GET"}]}"#)).unwrap();
    assert!(told(&lying).to_string().contains("missing field"), "{}", told(&lying));
    let empty = wat::parse_str(section(r#"{"abi":1}"#)).unwrap();
    assert!(matches!(told(&empty), LoadError::Malformed(_)), "it exports nothing");
    let wasi = r#"(component (@custom "hd1.service" "{\"abi\":1}") (import "wasi:cli/stdin@0.2.0" (instance)))"#;
    let wasi = wat::parse_str(wasi).unwrap();
    assert!(matches!(told(&wasi), LoadError::Interface { name } if name.starts_with("wasi:cli")));
}
