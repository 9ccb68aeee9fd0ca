//! The functions that a module exports, and the section that holds its plan.

#![allow(unsafe_code)]

/// Writes the plan into the module and exports what the host calls. Once in a plugin, at the top of its `lib.rs`:
///
/// ```
/// # use hd1_sdk::prelude::*;
/// # #[system] fn rest(_step: &Step) {}
/// hd1_sdk::plugin! { components: [], systems: [rest] }
/// # fn main() { assert_eq!(PLAN, r#"{"abi":1,"systems":[{"name":"rest"}]}"#); }
/// ```
///
/// `components` are the plugin's own, `config: TheType` may be left out, and `systems` have their numbers in this
/// order; `hooks: [..]` may follow, and may stand without `systems`. `PLAN` is the plan's JSON. Components that several plugins share stand in a crate of their own, without this
/// macro.
#[macro_export]
macro_rules! plugin {
    (
        components: [$($component:path),* $(,)?],
        $(config: $config:path,)?
        $(systems: [$($system:path),* $(,)?] $(,)?)?
        $(hooks: [$($hook:path),* $(,)?] $(,)?)?
    ) => {
        /// What the plugin declares: the JSON of its module's section `hd1.plan`.
        pub const PLAN: &str = {
            const PARTS: $crate::plan::PluginPlan = $crate::plan::PluginPlan {
                components: &[$(<$component as $crate::Component>::SCHEMA),*],
                config: $crate::plugin!(@config $($config)?),
                systems: &[$($(<$system as $crate::System>::PLAN),*)?],
                hooks: &[$($(<$hook as $crate::hook::Hook>::PLAN),*)?],
            };
            const BYTES: usize = $crate::plan::render::<0>(&PARTS).1;
            // The compiler makes a custom section of it. It must not be `#[used]`, or its bytes were in memory as well.
            #[cfg(target_arch = "wasm32")]
            #[allow(unsafe_code)]
            #[unsafe(link_section = "hd1.plan")]
            static SECTION: [u8; BYTES] = $crate::plan::render::<BYTES>(&PARTS).0;
            const TEXT: [u8; BYTES] = $crate::plan::render::<BYTES>(&PARTS).0;
            match ::core::str::from_utf8(&TEXT) {
                Ok(text) => text,
                Err(_) => panic!("the plan is not UTF-8"),
            }
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            extern "C" fn hd1_reserve(bytes: usize) -> usize {
                $crate::entry::reserve(bytes)
            }

            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            extern "C" fn hd1_run(system: usize, batch: *mut u8) -> i32 {
                static RUNS: &[unsafe fn(*mut u8) -> i32] = &[$($($crate::system::run::<$system>),*)?];
                match RUNS.get(system) {
                    // SAFETY: the host has laid a batch of this system there.
                    Some(run) => unsafe { run(batch) },
                    None => -1,
                }
            }

            $(
                #[allow(unsafe_code)]
                #[unsafe(no_mangle)]
                extern "C" fn hd1_hook(hook: usize, handed: *mut u8, _bytes: usize) -> i32 {
                    static CALLS: &[unsafe fn(*mut u8) -> i32] = &[$($crate::hook::call::<$hook>),*];
                    match CALLS.get(hook) {
                        // SAFETY: the host has laid what this hook is handed there.
                        Some(call) => unsafe { call(handed) },
                        None => -1,
                    }
                }
            )?
        };
    };
    (@config) => { ::core::option::Option::None };
    (@config $config:path) => {
        ::core::option::Option::Some((<$config as $crate::Config>::ID, <$config as $crate::Config>::FIELDS))
    };
}

#[cfg(target_arch = "wasm32")]
pub use memory::reserve;

#[cfg(target_arch = "wasm32")]
mod memory {
    //! The buffer for batches.
    //!
    //! It is taken from the module's memory directly: an allocator is 7 kB that a plugin which allocates nothing need
    //! not have. As long as nothing else grew the memory since, the buffer lies at its end and grows with it.

    use std::arch::wasm32::{memory_grow, memory_size};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    const PAGE: usize = 64 * 1024;
    static AT: AtomicUsize = AtomicUsize::new(0);
    static END: AtomicUsize = AtomicUsize::new(0);

    /// A buffer of so many bytes, aligned to a page; 0 where there is no memory.
    pub fn reserve(bytes: usize) -> usize {
        #[cfg(feature = "panics")]
        super::report_panics();
        let (mut at, mut end) = (AT.load(Relaxed), END.load(Relaxed));
        let size = memory_size(0) * PAGE;
        if end != size {
            (at, end) = (size, size);
        }
        let missing = bytes.max(1).saturating_sub(end - at).div_ceil(PAGE);
        if missing > 0 && memory_grow(0, missing) == usize::MAX {
            return 0;
        }
        AT.store(at, Relaxed);
        END.store(end + missing * PAGE, Relaxed);
        at
    }
}

/// Lets a panic say what it was before it becomes a trap.
#[cfg(all(target_arch = "wasm32", feature = "panics"))]
fn report_panics() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Relaxed) {
        std::panic::set_hook(Box::new(|panic| {
            crate::log::write(crate::log::Level::Error, format_args!("{panic}"));
        }));
    }
}
