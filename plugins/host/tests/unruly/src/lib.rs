//! A service that does all that a service must not, for the host's tests.

use hd1_service::prelude::*;
use hd1_service::{Response, Result};

/// Misbehaves in the way that the path names.
#[route(POST, "/{way}", access = "anyone")]
fn misbehave(request: &Request) -> Result<Response> {
    match request.param("way") {
        "loop" => {
            let mut x = 1_u64;
            loop {
                x = std::hint::black_box(x.wrapping_mul(3));
            }
        }
        "memory" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(vec![1; 16 << 20]);
            }
        }
        "depth" => Ok(Reply::text(200, deep(1).to_string())),
        "panic" => panic!("on purpose"),
        "flood" => loop {
            let _ = clock::now_us();
        },
        "shout" => {
            (0..10_000).for_each(|line| log::warn(format!("line {line} {}", "x".repeat(5_000))));
            Ok(Reply::text(200, "said"))
        }
        "huge" => Ok(Reply::of(200, "application/octet-stream", vec![0; 12 << 20])),
        "send" => {
            let sent = http::post_json("http://127.0.0.1:1/", &json!({}));
            Ok(Reply::text(200, format!("{sent:?}")))
        }
        "error" => Err("it is not to be".into()),
        "remember" => {
            static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
            let calls = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(Reply::text(200, calls.to_string()))
        }
        way => Ok(Reply::text(404, format!("{way} is no way"))),
    }
}

fn deep(n: u64) -> u64 {
    if std::hint::black_box(n) == 0 { 0 } else { n + deep(std::hint::black_box(n + 1)) }
}

/// Waits for another plugin.
#[function]
fn echo(caller: &str, argument: Value) -> Result<Value> {
    Ok(json!({ "caller": caller, "argument": argument }))
}

/// Asks another plugin, and so on.
#[function]
fn onward(_caller: &str, argument: Value) -> Result<Value> {
    plugins::call("hd1:unruly", "onward", &argument)
}

hd1_service::service! {
    routes: [misbehave],
    functions: [echo, onward],
}
