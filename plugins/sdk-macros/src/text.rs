//! Words as the plan wants them: comments, names, and what JSON escapes.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The comment above an item, one line, escaped for a JSON string.
pub fn doc(attributes: &[Attribute]) -> String {
    let mut doc = String::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value
        {
            doc.push_str(&line.value());
        }
    }
    escape(doc.trim())
}

/// The inside of a JSON string.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `FastAndLow` as `fast_and_low`.
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Has the item `#[repr(name)]`?
pub fn has_repr(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("repr")).any(|attribute| {
        let mut found = false;
        // A form that is no list of names is for the compiler to refuse.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident(name);
            Ok(())
        });
        found
    })
}
