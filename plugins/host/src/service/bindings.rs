//! The interface `hd1:service@1` as Rust: made of `plugins/wit/service.wit`.

#![allow(missing_docs, reason = "what is in it is told in service.wit")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "service",
    imports: { default: async | trappable },
    exports: { default: async },
});
