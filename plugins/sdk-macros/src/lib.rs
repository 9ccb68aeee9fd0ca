//! The macros of `hd1-sdk` and `hd1-service`: they write down what an author has said, and leave it to the SDK's traits to say what it
//! means.
//!
//! No macro guesses at a type by its name. A field's kind, and what a system's parameter asks for, are constants of
//! traits that the compiler resolves, so aliases work, and a type that does not fit is refused in the words of the
//! trait.

use proc_macro::TokenStream;

mod choice;
mod component;
mod field;
mod hook;
mod service;
mod system;
mod text;

/// A component of the plugin's own: `#[repr(C)]`, with fields of words.
///
/// `#[component(delivery = "state" | "reliable" | "hidden", writable, name = "...")]` says how changes reach clients
/// (`hidden` where nothing is said), whether clients may write it, and its name where that is not the struct's.
/// `#[field(min = 0, max = 5, step = 0.01, default = 1, unit = "m/s", above = 0)]` bounds a field; `above` is a least
/// value that is itself refused. Comments become the text that operators read. It brings `Clone`, `Copy` and `Default`.
#[proc_macro_derive(Component, attributes(component, field))]
pub fn component(input: TokenStream) -> TokenStream {
    expand(input, component::component)
}

/// What an operator sets for the plugin: `#[repr(C)]`, with fields as a component has them.
#[proc_macro_derive(Config, attributes(field))]
pub fn config(input: TokenStream) -> TokenStream {
    expand(input, component::config)
}

/// An enumeration that can be a field: `#[repr(u32)]`, variants without values, their names in `snake_case`. The first
/// is the one where nothing is said.
#[proc_macro_derive(Choice)]
pub fn choice(input: TokenStream) -> TokenStream {
    expand(input, choice::choice)
}

/// A topic under which the plugin speaks to clients; its name is the struct's in `snake_case`, or `#[topic("...")]`.
#[proc_macro_derive(Topic, attributes(topic))]
pub fn topic(input: TokenStream) -> TokenStream {
    expand(input, choice::topic)
}

/// Makes a function a system. The function stays as it is; a type of the same name beside it stands for the system.
#[proc_macro_attribute]
pub fn system(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = proc_macro2::TokenStream::from(attribute);
    expand(item, |function: syn::ItemFn| system::system(&attribute, &function))
}

/// Makes a function a filter: it is asked before something happens, takes what it is about as `&mut` first, and answers
/// with a verdict. `#[filter(name = "...", priority = 10, about = "game.*, chess")]`: of those with other priorities the
/// lesser comes first; `about` names topics, where it is asked about messages.
#[proc_macro_attribute]
pub fn filter(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = proc_macro2::TokenStream::from(attribute);
    expand(item, |function: syn::ItemFn| hook::hook(&attribute, &function, true))
}

/// Makes a function an action: it is told that something has happened, takes what as `&` first, and may leave commands.
/// `#[action(name = "...", priority = 10)]`.
#[proc_macro_attribute]
pub fn action(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = proc_macro2::TokenStream::from(attribute);
    expand(item, |function: syn::ItemFn| hook::hook(&attribute, &function, false))
}

/// Makes a function an HTTP route of a service: `#[route(GET, "/greetings/{name}", access = "anyone")]`; access is
/// `"anyone"`, `"token"` (where nothing is said) or `"admin"`.
#[proc_macro_attribute]
pub fn route(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handler(service::Kind::Route, attribute, item)
}

/// Tells a function what has happened: `#[action("session.created", priority = 10)]`.
#[proc_macro_attribute]
pub fn service_action(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handler(service::Kind::Action, attribute, item)
}

/// Asks a function about what is about to happen: `#[filter("session.creating", priority = 10)]`.
#[proc_macro_attribute]
pub fn service_filter(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handler(service::Kind::Filter, attribute, item)
}

/// Makes a function a job, due by a schedule if it has one: `#[job(every = "5m")]` or `#[job(cron = "0 3 * * *")]`.
#[proc_macro_attribute]
pub fn job(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handler(service::Kind::Job, attribute, item)
}

/// Makes a function an auth method: `#[auth("ApiKey")]` is asked about `Authorization: ApiKey …`.
#[proc_macro_attribute]
pub fn auth(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handler(service::Kind::Auth, attribute, item)
}

/// Lets players' programs ask a function, by a pattern of topics: `#[channel("scoreboard/*")]`.
#[proc_macro_attribute]
pub fn channel(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handler(service::Kind::Channel, attribute, item)
}

/// Lets other plugins call a function.
#[proc_macro_attribute]
pub fn function(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handler(service::Kind::Function, attribute, item)
}

/// What an operator sets for a service, field by field: `#[setting(text, bytes = 200, default = "")]`,
/// `#[setting(whole, min = 0, max = 9, default = 3)]`, `#[setting(yes_or_no, default = true)]`. Comments become the text that
/// operators read.
#[proc_macro_derive(Settings, attributes(setting))]
pub fn settings(input: TokenStream) -> TokenStream {
    expand(input, |input: syn::DeriveInput| service::settings(&input))
}

fn handler(kind: service::Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(item, |function: syn::ItemFn| service::handler(kind, attribute.into(), &function))
}

fn expand<T: syn::parse::Parse>(
    input: TokenStream,
    with: impl FnOnce(T) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    syn::parse(input).and_then(with).unwrap_or_else(syn::Error::into_compile_error).into()
}
