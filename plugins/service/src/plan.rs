//! The plan's JSON, put together while compiling: a custom section has its bytes before anything runs.

/// One list of the plan.
pub struct List {
    /// Its key.
    pub key: &'static str,
    /// Its entries; empty ones are left out.
    pub entries: &'static [&'static str],
}

/// Writes the plan, and answers how long it is; with `N` of 0 it only counts.
#[must_use]
pub const fn render<const N: usize>(lists: &[List]) -> ([u8; N], usize) {
    let mut out = ([0; N], 0);
    out = put(out, "{\"abi\":1");
    let mut i = 0;
    while i < lists.len() {
        let mut any = false;
        let mut j = 0;
        while j < lists[i].entries.len() {
            if !lists[i].entries[j].is_empty() {
                if any {
                    out = put(out, ",");
                } else {
                    out = put(put(put(out, ",\""), lists[i].key), "\":[");
                    any = true;
                }
                out = put(out, lists[i].entries[j]);
            }
            j += 1;
        }
        if any {
            out = put(out, "]");
        }
        i += 1;
    }
    put(out, "}")
}

const fn put<const N: usize>((mut bytes, mut at): ([u8; N], usize), text: &str) -> ([u8; N], usize) {
    let text = text.as_bytes();
    let mut i = 0;
    while i < text.len() {
        if at < N {
            bytes[at] = text[i];
        }
        at += 1;
        i += 1;
    }
    (bytes, at)
}
