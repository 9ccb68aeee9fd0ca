//! Functions that are systems.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, LitStr, Result};

/// `#[system]`.
pub fn system(attribute: &TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let signature = &function.sig;
    let name = &signature.ident;
    let mut shown = name.to_string();
    if !attribute.is_empty() {
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("name") {
                shown = meta.value()?.parse::<LitStr>()?.value();
                return Ok(());
            }
            Err(meta.error("known is name; order, spawns and despawns are asked for by Ordered, Spawn and Despawn"))
        });
        syn::parse::Parser::parse2(parser, attribute.clone())?;
    }
    let odd = [signature.asyncness.is_some(), signature.unsafety.is_some(), signature.variadic.is_some()];
    if odd.contains(&true) || signature.generics.type_params().next().is_some() {
        return Err(Error::new_spanned(signature, "a system is a plain function"));
    }
    let mut plans = Vec::new();
    let mut lines = Vec::new();
    let mut arguments = Vec::new();
    for (i, input) in signature.inputs.iter().enumerate() {
        let FnArg::Typed(typed) = input else {
            return Err(Error::new_spanned(input, "a system is a function of its own, without self"));
        };
        let (ty, argument) = (&typed.ty, format_ident!("argument_{i}"));
        plans.push(quote_spanned!(ty.span() => <#ty as ::hd1_sdk::SystemParam<'_>>::PLAN));
        lines.push(quote_spanned! { ty.span() =>
            // SAFETY: this parameter's own place in the plan, asked for once.
            #[allow(unsafe_code)]
            let #argument = unsafe { ::hd1_sdk::system::param(run, const { Self::PLAN.place(#i) }) };
        });
        arguments.push(argument);
    }
    let visibility = &function.vis;
    // With the function's span, the compiler's error stands at the system and not at the plugin.
    let check = quote_spanned!(name.span() => const _: () = <#name as ::hd1_sdk::System>::PLAN.check(););
    let doc = format!("The system [`{name}()`].");
    Ok(quote! {
        // What a system asks for stands in its signature, however much that is.
        #[allow(clippy::type_complexity, clippy::too_many_arguments)]
        #function

        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #visibility enum #name {}

        #check

        #[automatically_derived]
        impl ::hd1_sdk::System for #name {
            const PLAN: ::hd1_sdk::plan::SystemPlan = ::hd1_sdk::plan::SystemPlan {
                name: #shown,
                params: &[#(#plans),*],
            };

            fn run(run: &::hd1_sdk::system::Run) -> ::hd1_sdk::system::Ended {
                #(#lines)*
                ::hd1_sdk::system::Outcome::ended(#name(#(#arguments),*))
            }
        }
    })
}
