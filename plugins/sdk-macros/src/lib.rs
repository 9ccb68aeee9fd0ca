//! The macros of `hd1-sdk`: they write down what an author has said, and leave it to the SDK's traits to say what it
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

fn expand<T: syn::parse::Parse>(
    input: TokenStream,
    with: impl FnOnce(T) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    syn::parse(input).and_then(with).unwrap_or_else(syn::Error::into_compile_error).into()
}
