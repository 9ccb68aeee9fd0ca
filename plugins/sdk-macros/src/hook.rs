//! Functions that are hooks.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, LitInt, LitStr, Result, Token, Type};

use crate::system::{Taken, taken};

/// `#[filter]` and `#[action]`.
pub fn hook(attribute: &TokenStream, function: &ItemFn, is_filter: bool) -> Result<TokenStream> {
    let signature = &function.sig;
    let name = &signature.ident;
    let (mut shown, mut priority, mut about) = (name.to_string(), quote!(::hd1_sdk::plan::HookPlan::PRIORITY), vec![]);
    if !attribute.is_empty() {
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("name") {
                shown = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("priority") {
                let value = meta.value()?;
                let minus = value.parse::<Option<Token![-]>>()?;
                let number = value.parse::<LitInt>()?.base10_parse::<i32>()?;
                priority = if minus.is_some() { quote!(-#number) } else { quote!(#number) };
            } else if meta.path.is_ident("about") && is_filter {
                let patterns = meta.value()?.parse::<LitStr>()?.value();
                about = patterns.split(',').map(|pattern| pattern.trim().to_owned()).collect();
            } else {
                return Err(meta.error("known are name and priority, and about where messages are filtered"));
            }
            Ok(())
        });
        syn::parse::Parser::parse2(parser, attribute.clone())?;
    }
    let told = told(function, is_filter)?;
    let Taken { plans, lines, arguments } = taken(function, 1)?;
    let visibility = &function.vis;
    let check = quote_spanned!(name.span() => const _: () = <#name as ::hd1_sdk::Hook>::PLAN.check(););
    let kind = if is_filter { "filter" } else { "action" };
    let doc = format!("The {kind} [`{name}()`].");
    let (wrong, given, outcome) = if is_filter {
        let outcome = quote!(::hd1_sdk::hook::FilterOutcome::ended(outcome, ::hd1_sdk::hook::Told::handed(told)));
        ("an action is told of this: write #[action]", quote!(told), outcome)
    } else {
        let outcome = quote!(::hd1_sdk::system::Outcome::ended(outcome));
        ("a filter is asked about this: write #[filter]", quote!(told), outcome)
    };
    Ok(quote! {
        #[allow(clippy::too_many_arguments)]
        #function

        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #visibility enum #name {}

        #check

        const _: () = assert!(<#told as ::hd1_sdk::hook::Told>::IS_FILTER == #is_filter, #wrong);

        #[automatically_derived]
        impl ::hd1_sdk::Hook for #name {
            const PLAN: ::hd1_sdk::plan::HookPlan = ::hd1_sdk::plan::HookPlan {
                name: #shown,
                point: <#told as ::hd1_sdk::hook::Told>::POINT,
                is_filter: #is_filter,
                priority: #priority,
                about: &[#(#about),*],
                params: &[#(#plans),*],
            };

            type Told = #told;

            #[allow(unused_variables)]
            fn call(run: &::hd1_sdk::system::Run, told: &mut #told) -> ::hd1_sdk::system::Ended {
                #(#lines)*
                let outcome = #name(#given, #(#arguments),*);
                #outcome
            }
        }
    })
}

/// The type of what it is asked or told.
fn told(function: &ItemFn, is_filter: bool) -> Result<Type> {
    let wanted = if is_filter {
        "a filter takes what it is asked about first, as `chat: &mut Chat`"
    } else {
        "an action takes what it is told first, as `joined: &Joined`"
    };
    let Some(FnArg::Typed(first)) = function.sig.inputs.first() else {
        return Err(Error::new(function.sig.span(), wanted));
    };
    match &*first.ty {
        Type::Reference(reference) if reference.mutability.is_some() == is_filter => Ok((*reference.elem).clone()),
        other => Err(Error::new_spanned(other, wanted)),
    }
}
