//! The interface `hd1:service@1` as a component sees it: made of `service.wit`.

#![allow(unsafe_code, missing_docs, clippy::all, reason = "what is in it is told in service.wit")]

wit_bindgen::generate!({
    path: "../wit",
    world: "service",
    pub_export_macro: true,
    export_macro_name: "export_guest",
    default_bindings_module: "hd1_service::private::bindings",
    additional_derives: [PartialEq],
});
