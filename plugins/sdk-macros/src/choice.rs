//! Enumerations whose variants are names, and the topics of messages.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result};

use crate::text;

/// `#[derive(Choice)]`.
pub fn choice(input: DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(name, "a choice is an enum"));
    };
    if !text::has_repr(&input.attrs, "u32") {
        return Err(Error::new_spanned(name, "a choice lies in a column as one word: write #[repr(u32)] above it"));
    }
    let plain = data.variants.iter().find(|v| !matches!(v.fields, Fields::Unit) || v.discriminant.is_some());
    if let Some(variant) = plain {
        return Err(Error::new_spanned(variant, "a variant of a choice is a name, without values and numbers"));
    }
    let Some(first) = data.variants.first().map(|variant| &variant.ident) else {
        return Err(Error::new_spanned(name, "a choice has at least one variant"));
    };
    let names = data.variants.iter().map(|variant| text::snake(&variant.ident.to_string()));
    Ok(quote! {
        #[automatically_derived]
        impl ::core::clone::Clone for #name {
            fn clone(&self) -> Self { *self }
        }
        #[automatically_derived]
        impl ::core::marker::Copy for #name {}
        #[automatically_derived]
        impl ::core::default::Default for #name {
            fn default() -> Self { Self::#first }
        }
        #[automatically_derived]
        impl ::core::cmp::PartialEq for #name {
            fn eq(&self, other: &Self) -> bool { *self as u32 == *other as u32 }
        }
        #[automatically_derived]
        impl ::core::cmp::Eq for #name {}
        // SAFETY: one word that counts the variants, and the host hands out no value that its schema refuses.
        #[allow(unsafe_code)]
        #[automatically_derived]
        unsafe impl ::hd1_sdk::schema::Field for #name {
            const KIND: ::hd1_sdk::schema::Kind = ::hd1_sdk::schema::Kind::Choice(&[#(#names),*]);
            const INITIAL: Self = Self::#first;
            fn of_numbers(_: &[f64]) -> Self { Self::#first }
        }
    })
}

/// `#[derive(Topic)]`.
pub fn topic(input: DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let mut topic = text::snake(&name.to_string());
    if let Some(attribute) = input.attrs.iter().find(|attribute| attribute.path().is_ident("topic")) {
        topic = attribute.parse_args::<LitStr>()?.value();
    }
    Ok(quote! {
        #[automatically_derived]
        impl ::hd1_sdk::Topic for #name {
            const NAME: &'static str = #topic;
        }
    })
}
