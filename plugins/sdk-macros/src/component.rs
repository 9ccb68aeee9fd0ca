//! Structs of words: components and configs.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result};

use crate::field::Declared;
use crate::text;

/// `#[derive(Component)]`.
pub fn component(input: DeriveInput) -> Result<TokenStream> {
    let fields = fields(&input)?;
    let name = &input.ident;
    let (mut shown, mut delivery, mut writable, mut builtin) = (name.to_string(), quote!(Hidden), false, false);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("component")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("writable") {
                writable = true;
            } else if meta.path.is_ident("builtin") {
                builtin = true;
            } else if meta.path.is_ident("name") {
                shown = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("delivery") {
                let said: LitStr = meta.value()?.parse()?;
                delivery = match said.value().as_str() {
                    "state" => quote!(State),
                    "reliable" => quote!(Reliable),
                    "hidden" => quote!(Hidden),
                    _ => return Err(Error::new(said.span(), "is \"state\", \"reliable\" or \"hidden\"")),
                };
            } else {
                return Err(meta.error("known are delivery, writable, name"));
            }
            Ok(())
        })?;
    }
    let doc = text::doc(&input.attrs);
    let schemas = fields.iter().map(Declared::schema);
    let common = common(&input, &fields);
    Ok(quote! {
        #common
        #[automatically_derived]
        impl ::hd1_sdk::Named for #name {
            const NAME: &'static str = #shown;
        }
        // SAFETY: `repr(C)` and nothing but words, as the assertion about its size holds.
        #[allow(unsafe_code)]
        #[automatically_derived]
        unsafe impl ::hd1_sdk::Component for #name {
            const SCHEMA: ::hd1_sdk::schema::Schema = ::hd1_sdk::schema::Schema {
                name: #shown,
                doc: #doc,
                delivery: ::hd1_sdk::schema::Delivery::#delivery,
                is_writable: #writable,
                is_builtin: #builtin,
                fields: &[#(#schemas),*],
            };
        }
        const _: () = <#name as ::hd1_sdk::Component>::SCHEMA.check();
    })
}

/// `#[derive(Config)]`.
pub fn config(input: DeriveInput) -> Result<TokenStream> {
    let fields = fields(&input)?;
    let name = &input.ident;
    let schemas = fields.iter().map(Declared::schema);
    let common = common(&input, &fields);
    Ok(quote! {
        #common
        // SAFETY: `repr(C)` and nothing but words, as the assertion about its size holds.
        #[allow(unsafe_code)]
        #[automatically_derived]
        unsafe impl ::hd1_sdk::Config for #name {
            const ID: &'static str = ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name));
            const FIELDS: &'static [::hd1_sdk::schema::FieldSchema] = &[#(#schemas),*];
        }
    })
}

/// `Clone`, `Copy`, `Default`, and what must hold of the fields.
fn common(input: &DeriveInput, fields: &[Declared]) -> TokenStream {
    let name = &input.ident;
    let defaults = fields.iter().map(Declared::default);
    let checks = fields.iter().map(|field| {
        let schema = field.schema();
        // With the field's span, the compiler's error stands at the field.
        quote_spanned!(field.ty.span() => const _: () = #schema.check();)
    });
    let types = fields.iter().map(|field| &field.ty);
    quote! {
        #[automatically_derived]
        impl ::core::clone::Clone for #name {
            fn clone(&self) -> Self { *self }
        }
        #[automatically_derived]
        impl ::core::marker::Copy for #name {}
        #[automatically_derived]
        impl ::core::default::Default for #name {
            fn default() -> Self { Self { #(#defaults),* } }
        }
        #(#checks)*
        const _: () = ::core::assert!(
            ::core::mem::size_of::<#name>() == 4 * (0 #(+ <#types as ::hd1_sdk::schema::Field>::KIND.words())*)
                && ::core::mem::align_of::<#name>() <= 4,
            "its fields do not lie as the words of a column",
        );
    }
}

fn fields(input: &DeriveInput) -> Result<Vec<Declared>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "must be a struct"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "has one form, so it cannot be generic"));
    }
    match &data.fields {
        Fields::Unit => Ok(Vec::new()),
        Fields::Named(_) if !text::has_repr(&input.attrs, "C") => {
            let reason = "its fields lie in a column in their order: write #[repr(C)] above it";
            Err(Error::new_spanned(&input.ident, reason))
        }
        Fields::Named(named) => named.named.iter().map(Declared::read).collect(),
        Fields::Unnamed(_) => Err(Error::new_spanned(&data.fields, "its fields need names")),
    }
}
