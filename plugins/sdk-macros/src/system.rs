//! Functions that are systems.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, LitStr, Result};

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
    let Taken { plans, lines, arguments } = taken(function, 0)?;
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

/// The parameters of a system or a hook, and where they come from.
pub struct Taken {
    /// What each asks for.
    pub plans: Vec<TokenStream>,
    /// What hands each out.
    pub lines: Vec<TokenStream>,
    /// What they are called then.
    pub arguments: Vec<Ident>,
}

/// Those after the first `skip`.
pub fn taken(function: &ItemFn, skip: usize) -> Result<Taken> {
    let signature = &function.sig;
    let odd = [signature.asyncness.is_some(), signature.unsafety.is_some(), signature.variadic.is_some()];
    if odd.contains(&true) || signature.generics.type_params().next().is_some() {
        return Err(Error::new_spanned(signature, "a system or a hook is a plain function"));
    }
    let mut taken = Taken { plans: Vec::new(), lines: Vec::new(), arguments: Vec::new() };
    for (i, input) in signature.inputs.iter().skip(skip).enumerate() {
        let FnArg::Typed(typed) = input else {
            return Err(Error::new_spanned(input, "a system or a hook is a function of its own, without self"));
        };
        let (ty, argument) = (&typed.ty, format_ident!("argument_{i}"));
        taken.plans.push(quote_spanned!(ty.span() => <#ty as ::hd1_sdk::SystemParam<'_>>::PLAN));
        taken.lines.push(quote_spanned! { ty.span() =>
            // SAFETY: this parameter's own place in the plan, asked for once.
            #[allow(unsafe_code)]
            let #argument = unsafe { ::hd1_sdk::system::param(run, const { Self::PLAN.place(#i) }) };
        });
        taken.arguments.push(argument);
    }
    Ok(taken)
}
