//! Functions that the host of services calls, and settings: each with its part of the plan.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Data, DeriveInput, Error, Expr, ExprLit, Fields, Ident, ItemFn, Lit, LitStr, Result, Token};

use crate::text::{doc, escape};

/// Kinds of functions.
#[derive(Clone, Copy)]
pub enum Kind {
    Route,
    Action,
    Filter,
    Job,
    Auth,
    Channel,
    Function,
}

/// What stands in an attribute: words, texts, and names with values.
#[derive(Default)]
struct Words {
    plain: Vec<(proc_macro2::Span, String)>,
    named: Vec<(Ident, Expr)>,
}

impl Parse for Words {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut words = Words::default();
        while !input.is_empty() {
            if input.peek(LitStr) {
                let text: LitStr = input.parse()?;
                words.plain.push((text.span(), text.value()));
            } else {
                let name: Ident = input.parse()?;
                if input.peek(Token![=]) {
                    input.parse::<Token![=]>()?;
                    words.named.push((name, input.parse()?));
                } else {
                    words.plain.push((name.span(), name.to_string()));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(words)
    }
}

impl Words {
    fn plain(&self, at: usize, what: &str) -> Result<&str> {
        let found = self.plain.get(at).map(|(_, text)| text.as_str());
        found.ok_or_else(|| Error::new(proc_macro2::Span::call_site(), format!("{what} is missing")))
    }

    /// Only these may stand there.
    fn only(&self, plain: usize, names: &[&str]) -> Result<()> {
        if let Some((span, text)) = self.plain.get(plain) {
            return Err(Error::new(*span, format!("{text:?} is one too many")));
        }
        match self.named.iter().find(|(name, _)| !names.iter().any(|known| name == known)) {
            Some((name, _)) if names.is_empty() => Err(Error::new_spanned(name, "nothing is named here")),
            Some((name, _)) => Err(Error::new_spanned(name, format!("known is {}", names.join(", ")))),
            None => Ok(()),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        self.named.iter().find(|(found, _)| found == name).map(|(_, value)| text_of(value)).transpose()
    }

    fn number(&self, name: &str) -> Result<Option<String>> {
        self.named.iter().find(|(found, _)| found == name).map(|(_, value)| number_of(value)).transpose()
    }
}

fn text_of(value: &Expr) -> Result<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(Error::new_spanned(other, "a text is wanted, as in \"...\"")),
    }
}

fn number_of(value: &Expr) -> Result<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(number.base10_digits().to_owned()),
        Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => Ok(format!("-{}", number_of(expr)?)),
        other => Err(Error::new_spanned(other, "a whole number is wanted")),
    }
}

/// The attribute of a kind.
pub fn handler(kind: Kind, attribute: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let words: Words = syn::parse2(attribute)?;
    let name = &function.sig.ident;
    let shown = name.to_string();
    let about = doc(&function.attrs);
    let with_doc = if about.is_empty() { String::new() } else { format!(r#","doc":"{about}""#) };
    let (plan, body) = match kind {
        Kind::Route => {
            words.only(2, &["access"])?;
            let (method, path) = (words.plain(0, "the method")?, words.plain(1, "the path")?);
            let access = words.text("access")?.unwrap_or_else(|| "token".into());
            if !["anyone", "token", "admin"].contains(&access.as_str()) {
                return Err(Error::new_spanned(name, "access is \"anyone\", \"token\" or \"admin\""));
            }
            let path = escape(path);
            let plan = format!(r#"{{"method":"{method}","path":"{path}","access":"{access}"{with_doc}}}"#);
            (
                plan,
                quote! {
                    fn run(request: &::hd1_service::Request) -> ::hd1_service::Result<::hd1_service::Response> {
                        #name(request)
                    }
                },
            )
        }
        Kind::Action | Kind::Filter => {
            words.only(1, &["priority"])?;
            let point = escape(words.plain(0, "the point")?);
            let priority = words.number("priority")?.map(|n| format!(r#","priority":{n}"#)).unwrap_or_default();
            let body = match kind {
                Kind::Action => quote! {
                    fn tell(about: &::hd1_service::private::serde_json::Value) -> ::hd1_service::Result<()> {
                        #name(about)
                    }
                },
                _ => quote! {
                    fn ask(
                        value: ::hd1_service::private::serde_json::Value,
                    ) -> ::hd1_service::Result<::hd1_service::Verdict> {
                        #name(value)
                    }
                },
            };
            (format!(r#"{{"point":"{point}"{priority}}}"#), body)
        }
        Kind::Job => {
            words.only(0, &["every", "cron"])?;
            let every = words.text("every")?.map(|every| format!("every {every}"));
            let schedule = every.or(words.text("cron")?).map(|text| format!(r#","schedule":"{}""#, escape(&text)));
            let schedule = schedule.unwrap_or_default();
            (
                format!(r#"{{"name":"{shown}"{schedule}}}"#),
                quote! {
                    const NAME: &'static str = #shown;

                    fn run(payload: ::hd1_service::private::serde_json::Value) -> ::hd1_service::Result<()> {
                        #name(payload)
                    }
                },
            )
        }
        Kind::Auth => {
            words.only(1, &[])?;
            let scheme = escape(words.plain(0, "the scheme")?);
            (
                format!(r#"{{"scheme":"{scheme}"}}"#),
                quote! {
                    fn run(
                        credential: &str,
                    ) -> ::hd1_service::Result<::core::option::Option<::hd1_service::Identity>> {
                        #name(credential)
                    }
                },
            )
        }
        Kind::Channel => {
            words.only(1, &[])?;
            let topic = escape(words.plain(0, "the topic")?);
            (
                format!(r#"{{"topic":"{topic}"{with_doc}}}"#),
                quote! {
                    fn run(asked: &::hd1_service::Asked) -> ::hd1_service::Result<::hd1_service::Heard> {
                        #name(asked)
                    }
                },
            )
        }
        Kind::Function => {
            words.only(0, &[])?;
            (
                format!(r#"{{"name":"{shown}"{with_doc}}}"#),
                quote! {
                    fn run(
                        caller: &str,
                        argument: ::hd1_service::private::serde_json::Value,
                    ) -> ::hd1_service::Result<::hd1_service::private::serde_json::Value> {
                        #name(caller, argument)
                    }
                },
            )
        }
    };
    let trait_name = match kind {
        Kind::Route => quote!(Route),
        Kind::Action | Kind::Filter => quote!(Hook),
        Kind::Job => quote!(Job),
        Kind::Auth => quote!(Auth),
        Kind::Channel => quote!(Channel),
        Kind::Function => quote!(Function),
    };
    let visibility = &function.vis;
    let about = format!("What the host calls [`{name}()`] by.");
    Ok(quote! {
        #function

        #[doc = #about]
        #[allow(non_camel_case_types)]
        #visibility enum #name {}

        #[automatically_derived]
        impl ::hd1_service::handlers::#trait_name for #name {
            const PLAN: &'static str = #plan;
            #body
        }
    })
}

/// `#[derive(Settings)]`.
pub fn settings(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "settings are a struct with named fields"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(input, "settings are a struct with named fields"));
    };
    let mut parts = Vec::new();
    for field in &fields.named {
        let Some(name) = &field.ident else { continue };
        let attribute = field.attrs.iter().find(|attribute| attribute.path().is_ident("setting"));
        let words: Words = match attribute {
            Some(attribute) => attribute.parse_args()?,
            None => return Err(Error::new_spanned(field, "say what it is: #[setting(text, bytes = 200)]")),
        };
        parts.push(setting(&name.to_string(), &doc(&field.attrs), &words, field)?);
    }
    let (name, fields) = (&input.ident, parts.join(","));
    Ok(quote! {
        #[automatically_derived]
        impl ::hd1_service::handlers::Settings for #name {
            const FIELDS: &'static str = #fields;
        }
    })
}

fn setting(name: &str, about: &str, words: &Words, field: &syn::Field) -> Result<String> {
    let (kind, default) = match words.plain(0, "text, whole, yes_or_no or one_of")? {
        "text" => {
            words.only(1, &["bytes", "default"])?;
            let bytes = words.number("bytes")?.unwrap_or_else(|| "200".into());
            let default = words.text("default")?.unwrap_or_default();
            (format!(r#"{{"type":"text","max_bytes":{bytes}}}"#), format!(r#"{{"Text":"{}"}}"#, escape(&default)))
        }
        "whole" => {
            words.only(1, &["min", "max", "default"])?;
            let number = |name: &str, otherwise: &str| Ok::<_, Error>(words.number(name)?.unwrap_or(otherwise.into()));
            let (min, max) = (number("min", "0")?, number("max", "1000000000")?);
            let default = number("default", &min)?;
            (format!(r#"{{"type":"u32","min":{min},"max":{max}}}"#), format!(r#"{{"U32":{default}}}"#))
        }
        "yes_or_no" => {
            words.only(1, &["default"])?;
            let default = words.named.iter().find(|(name, _)| name == "default");
            let is_on = matches!(default, Some((_, Expr::Lit(ExprLit { lit: Lit::Bool(on), .. }))) if on.value);
            (r#"{"type":"bool"}"#.to_owned(), format!(r#"{{"Bool":{is_on}}}"#))
        }
        other => return Err(Error::new_spanned(field, format!("{other:?} is none of text, whole, yes_or_no"))),
    };
    Ok(format!(r#"{{"name":"{name}","doc":"{about}","kind":{kind},"default":{default}}}"#))
}
