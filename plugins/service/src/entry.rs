//! The component's exports, and the section that holds its plan.

/// Writes the plan into the component and calls what the host asks for. Once in a plugin, in its `lib.rs`:
///
/// ```
/// # use hd1_service::prelude::*;
/// #[route(GET, "/", access = "anyone")]
/// fn hello(_request: &Request) -> hd1_service::Result<hd1_service::Response> {
///     Ok(Reply::text(200, "hello"))
/// }
///
/// hd1_service::service! { routes: [hello] }
/// # fn main() { assert_eq!(PLAN, r#"{"abi":1,"routes":[{"method":"GET","path":"/","access":"anyone"}]}"#); }
/// ```
///
/// `settings: TheType`, `routes`, `hooks`, `jobs`, `auth`, `functions` and `channels` may each be left out, in this order.
/// `PLAN` is the plan's JSON.
#[macro_export]
macro_rules! service {
    (
        $(settings: $settings:path,)?
        $(routes: [$($route:path),* $(,)?] $(,)?)?
        $(hooks: [$($hook:path),* $(,)?] $(,)?)?
        $(jobs: [$($job:path),* $(,)?] $(,)?)?
        $(auth: [$($auth:path),* $(,)?] $(,)?)?
        $(functions: [$($function:path),* $(,)?] $(,)?)?
        $(channels: [$($channel:path),* $(,)?] $(,)?)?
    ) => {
        /// What the plugin declares: the JSON of its component's section `hd1.service`.
        pub const PLAN: &str = {
            const LISTS: &[$crate::plan::List] = &[
                $crate::plan::List { key: "config", entries: &[$(<$settings as $crate::handlers::Settings>::FIELDS)?] },
                $crate::plan::List { key: "routes", entries: &[$($(<$route as $crate::handlers::Route>::PLAN),*)?] },
                $crate::plan::List { key: "hooks", entries: &[$($(<$hook as $crate::handlers::Hook>::PLAN),*)?] },
                $crate::plan::List { key: "jobs", entries: &[$($(<$job as $crate::handlers::Job>::PLAN),*)?] },
                $crate::plan::List { key: "auth", entries: &[$($(<$auth as $crate::handlers::Auth>::PLAN),*)?] },
                $crate::plan::List {
                    key: "functions",
                    entries: &[$($(<$function as $crate::handlers::Function>::PLAN),*)?],
                },
                $crate::plan::List {
                    key: "channels",
                    entries: &[$($(<$channel as $crate::handlers::Channel>::PLAN),*)?],
                },
            ];
            const BYTES: usize = $crate::plan::render::<0>(LISTS).1;
            // The compiler makes a custom section of it. It must not be `#[used]`, or its bytes were in memory as well.
            #[cfg(target_arch = "wasm32")]
            #[allow(unsafe_code)]
            #[unsafe(link_section = "hd1.service")]
            static SECTION: [u8; BYTES] = $crate::plan::render::<BYTES>(LISTS).0;
            const TEXT: [u8; BYTES] = $crate::plan::render::<BYTES>(LISTS).0;
            match ::core::str::from_utf8(&TEXT) {
                Ok(text) => text,
                Err(_) => panic!("the plan is not UTF-8"),
            }
        };

        #[doc(hidden)]
        pub struct Hd1Guest;

        #[allow(unused_variables, clippy::match_single_binding, unreachable_patterns)]
        impl $crate::private::Guest for Hd1Guest {
            fn route(
                route: u32,
                request: $crate::Request,
            ) -> ::core::result::Result<$crate::Response, ::std::string::String> {
                static ALL: &[fn(&$crate::Request) -> $crate::Result<$crate::Response>] =
                    &[$($(<$route as $crate::handlers::Route>::run),*)?];
                $crate::entry::answer($crate::entry::one(ALL, route).and_then(|run| run(&request)))
            }

            fn action(
                hook: u32,
                about: ::std::string::String,
            ) -> ::core::result::Result<(), ::std::string::String> {
                static ALL: &[fn(&$crate::private::serde_json::Value) -> $crate::Result<()>] =
                    &[$($(<$hook as $crate::handlers::Hook>::tell),*)?];
                let run = $crate::entry::one(ALL, hook);
                $crate::entry::answer(run.and_then(|run| run(&$crate::entry::json(&about)?)))
            }

            fn filter(
                hook: u32,
                value: ::std::string::String,
            ) -> ::core::result::Result<$crate::Verdict, ::std::string::String> {
                static ALL: &[fn($crate::private::serde_json::Value) -> $crate::Result<$crate::Verdict>] =
                    &[$($(<$hook as $crate::handlers::Hook>::ask),*)?];
                let run = $crate::entry::one(ALL, hook);
                $crate::entry::answer(run.and_then(|run| run($crate::entry::json(&value)?)))
            }

            fn channel(
                channel: u32,
                asked: $crate::Asked,
            ) -> ::core::result::Result<$crate::Heard, ::std::string::String> {
                static ALL: &[fn(&$crate::Asked) -> $crate::Result<$crate::Heard>] =
                    &[$($(<$channel as $crate::handlers::Channel>::run),*)?];
                $crate::entry::answer($crate::entry::one(ALL, channel).and_then(|run| run(&asked)))
            }

            fn authenticate(
                method: u32,
                credential: ::std::string::String,
            ) -> ::core::result::Result<::core::option::Option<$crate::Identity>, ::std::string::String> {
                static ALL: &[fn(&str) -> $crate::Result<::core::option::Option<$crate::Identity>>] =
                    &[$($(<$auth as $crate::handlers::Auth>::run),*)?];
                $crate::entry::answer($crate::entry::one(ALL, method).and_then(|run| run(&credential)))
            }

            fn job(
                job: u32,
                payload: ::std::string::String,
            ) -> ::core::result::Result<(), ::std::string::String> {
                static ALL: &[fn($crate::private::serde_json::Value) -> $crate::Result<()>] =
                    &[$($(<$job as $crate::handlers::Job>::run),*)?];
                let run = $crate::entry::one(ALL, job);
                $crate::entry::answer(run.and_then(|run| run($crate::entry::json(&payload)?)))
            }

            fn call(
                function: u32,
                caller: ::std::string::String,
                argument: ::std::string::String,
            ) -> ::core::result::Result<::std::string::String, ::std::string::String> {
                static ALL: &[fn(
                    &str,
                    $crate::private::serde_json::Value,
                ) -> $crate::Result<$crate::private::serde_json::Value>] =
                    &[$($(<$function as $crate::handlers::Function>::run),*)?];
                let run = $crate::entry::one(ALL, function);
                let answer = run.and_then(|run| run(&caller, $crate::entry::json(&argument)?));
                $crate::entry::answer(answer.map(|value| value.to_string()))
            }

            fn health() -> ::core::result::Result<(), ::std::string::String> {
                Ok(())
            }
        }

        #[cfg(target_arch = "wasm32")]
        $crate::private::export_guest!(Hd1Guest with_types_in $crate::private::bindings);
    };
}

/// The handler of a place in the plan.
#[doc(hidden)]
pub fn one<T: Copy>(all: &[T], at: u32) -> crate::Result<T> {
    report_panics();
    all.get(at as usize).copied().ok_or_else(|| crate::Error::from("the plan has nothing there"))
}

#[doc(hidden)]
pub fn json(text: &str) -> crate::Result<serde_json::Value> {
    Ok(serde_json::from_str(text)?)
}

#[doc(hidden)]
pub fn answer<T>(answer: crate::Result<T>) -> Result<T, String> {
    answer.map_err(crate::Error::into_text)
}

/// Lets a panic say what it was before it becomes a trap.
fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        static DONE: AtomicBool = AtomicBool::new(false);
        if !DONE.swap(true, Relaxed) {
            std::panic::set_hook(Box::new(|panic| crate::log::error(panic)));
        }
    }
}
