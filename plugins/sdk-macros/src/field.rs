//! One field of a component or a config: what its attribute says of its range and default.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, ExprUnary, Field, Ident, Lit, LitStr, Result, Type, UnOp};

use crate::text;

/// A field as it was declared.
pub struct Declared {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub ty: Type,
    doc: String,
    unit: String,
    min: Option<Number>,
    above: bool,
    max: Option<Number>,
    step: Option<Number>,
    default: Given,
}

/// As JSON writes it, and what it is.
#[derive(Clone)]
struct Number {
    text: String,
    value: f64,
}

enum Given {
    Nothing,
    Numbers(Vec<Number>),
    /// A variant of a choice.
    Variant(Box<Expr>),
}

impl Declared {
    /// Reads a field and its `#[field(...)]`.
    pub fn read(field: &Field) -> Result<Self> {
        let name = field.ident.clone().ok_or_else(|| Error::new_spanned(field, "fields have names"))?;
        if matches!(&field.ty, Type::Path(path) if path.path.is_ident("bool")) {
            let reason = "a column is made of 32-bit words, and `bool` is a byte: use `hd1_sdk::Flag`";
            return Err(Error::new_spanned(&field.ty, reason));
        }
        let mut declared = Declared {
            name,
            ty: field.ty.clone(),
            doc: text::doc(&field.attrs),
            unit: String::new(),
            min: None,
            above: false,
            max: None,
            step: None,
            default: Given::Nothing,
        };
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| {
                let key = meta.path.require_ident()?.to_string();
                let value = meta.value()?;
                match key.as_str() {
                    "unit" => declared.unit = text::escape(&value.parse::<LitStr>()?.value()),
                    "min" => declared.min = Some(number(&value.parse()?)?),
                    "above" => (declared.min, declared.above) = (Some(number(&value.parse()?)?), true),
                    "max" => declared.max = Some(number(&value.parse()?)?),
                    "step" => declared.step = Some(number(&value.parse()?)?),
                    "default" => declared.default = given(value.parse()?)?,
                    _ => return Err(meta.error("known are min, above, max, step, default, unit")),
                }
                Ok(())
            })?;
        }
        declared.default_from_range();
        Ok(declared)
    }

    /// Nothing is 0 wherever it can be; else the nearest that is allowed.
    fn default_from_range(&mut self) {
        if !matches!(self.default, Given::Nothing) {
            return;
        }
        let nearest = match (&self.min, &self.max) {
            (Some(min), _) if min.value > 0.0 => min,
            (_, Some(max)) if max.value < 0.0 => max,
            _ => return,
        };
        self.default = Given::Numbers(vec![nearest.clone()]);
    }

    /// Its `FieldSchema`.
    pub fn schema(&self) -> TokenStream {
        let Declared { name, ty, doc, unit, above, .. } = self;
        let name = name.to_string();
        let [min, max, step] = [&self.min, &self.max, &self.step].map(|bound| match bound {
            Some(number) => {
                let number = number.tokens();
                quote!(::core::option::Option::Some(#number))
            }
            None => quote!(::core::option::Option::None),
        });
        let default = match &self.default {
            Given::Nothing => quote!(::hd1_sdk::schema::Given::Nothing),
            Given::Numbers(numbers) => {
                let numbers = numbers.iter().map(Number::tokens);
                quote!(::hd1_sdk::schema::Given::Numbers(&[#(#numbers),*]))
            }
            Given::Variant(variant) => quote!(::hd1_sdk::schema::Given::Variant(#variant as u32)),
        };
        quote_spanned! { ty.span() =>
            ::hd1_sdk::schema::FieldSchema {
                name: #name,
                doc: #doc,
                kind: <#ty as ::hd1_sdk::schema::Field>::KIND,
                unit: #unit,
                min: #min,
                is_above_min: #above,
                max: #max,
                step: #step,
                default: #default,
            }
        }
    }

    /// Its value in `Default`.
    pub fn default(&self) -> TokenStream {
        let Declared { name, ty, .. } = self;
        let value = match &self.default {
            Given::Nothing => quote!(<#ty as ::hd1_sdk::schema::Field>::INITIAL),
            Given::Numbers(numbers) => {
                let numbers = numbers.iter().map(|number| Literal::f64_suffixed(number.value));
                quote!(<#ty as ::hd1_sdk::schema::Field>::of_numbers(&[#(#numbers),*]))
            }
            Given::Variant(variant) => quote!(#variant),
        };
        quote!(#name: #value)
    }
}

impl Number {
    fn tokens(&self) -> TokenStream {
        let (text, value) = (&self.text, Literal::f64_suffixed(self.value));
        quote!(::hd1_sdk::schema::Number { text: #text, value: #value })
    }
}

fn given(expr: Expr) -> Result<Given> {
    match &expr {
        Expr::Array(array) => Ok(Given::Numbers(array.elems.iter().map(number).collect::<Result<_>>()?)),
        Expr::Path(_) => Ok(Given::Variant(Box::new(expr))),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => color(text),
        Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => {
            let digit = u8::from(flag.value);
            Ok(Given::Numbers(vec![Number { text: digit.to_string(), value: f64::from(digit) }]))
        }
        _ => Ok(Given::Numbers(vec![number(&expr)?])),
    }
}

fn number(expr: &Expr) -> Result<Number> {
    let wrong = || Error::new_spanned(expr, "must be a number as it stands, such as 0.5: it is written into the plan");
    let (sign, expr) = match expr {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => ("-", &**expr),
        _ => ("", expr),
    };
    let digits = match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_digits().to_owned(),
        // `1.` is a number in Rust and none in JSON.
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => match float.base10_digits() {
            digits if digits.ends_with('.') => format!("{digits}0"),
            digits => digits.to_owned(),
        },
        _ => return Err(wrong()),
    };
    let text = format!("{sign}{digits}");
    let value = text.parse().map_err(|_| wrong())?;
    Ok(Number { text, value })
}

/// `"#ff8800"`.
fn color(text: &LitStr) -> Result<Given> {
    let wrong = || Error::new(text.span(), "must be \"#rrggbb\"");
    let value = text.value();
    let hex = value.strip_prefix('#').filter(|hex| hex.len() == 6).ok_or_else(wrong)?;
    let bits = u32::from_str_radix(hex, 16).map_err(|_| wrong())?;
    let part = |shift: u32| {
        let text = ((bits >> shift & 255) as f32 / 255.0).to_string();
        text.parse().map(|value| Number { text, value }).map_err(|_| wrong())
    };
    Ok(Given::Numbers(vec![part(16)?, part(8)?, part(0)?]))
}
