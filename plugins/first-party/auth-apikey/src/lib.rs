//! Lets programs in by API keys: `Authorization: ApiKey hd1k_…`.
//!
//! Administrators make keys at `/plugins/hd1:auth-apikey/keys`, with a role and for so many days, and take them back. A key
//! is shown once; what is kept is its hash. It is good for what a token of its role is good for, but never for what
//! administrators alone may do.

use hd1_service::prelude::*;
use hd1_service::{Response, Result};
use sha2::{Digest as _, Sha256};

/// What an operator sets.
#[derive(Settings, Deserialize, Debug)]
pub struct KeySettings {
    /// How many keys there may be at once.
    #[setting(whole, min = 1, max = 2000, default = 200)]
    pub keys_max: u32,
}

/// What a key begins with, so that one that leaked is found by those who look for such.
const PREFIX: &str = "hd1k_";
/// Unpredictable bytes in a key.
const KEY_BYTES: u32 = 32;
const NAME_BYTES_MAX: usize = 60;
const DAYS_MAX: u32 = 3_650;
const DAY_S: u32 = 24 * 3_600;
/// Below these stand the keys by their hashes.
const KEYS: &str = "key/";

/// A key to be made.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
    #[serde(default = "developer")]
    role: String,
    /// Without it the key is good until it is taken back.
    days: Option<u32>,
}

fn developer() -> String {
    "developer".to_owned()
}

/// What is kept of a key.
#[derive(Serialize, Deserialize, Debug, PartialEq, Eq)]
struct Kept {
    name: String,
    role: String,
    made_at_us: i64,
}

impl Wish {
    fn fault(&self) -> Option<String> {
        let is_line = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        if !is_line(&self.name) || self.name.len() > NAME_BYTES_MAX {
            return Some(format!("name: one line of 1 to {NAME_BYTES_MAX} bytes"));
        }
        if !["viewer", "developer"].contains(&self.role.as_str()) {
            return Some("role: viewer or developer".to_owned());
        }
        let is_fit = |days: u32| (1..=DAYS_MAX).contains(&days);
        (!self.days.is_none_or(is_fit)).then(|| format!("days: 1 to {DAYS_MAX}"))
    }
}

/// By what a key is found. It has as much chance in it as its hash has, so a plain hash is enough.
fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// What a key is called where it is not shown: enough to tell it from others, too little to guess it by.
fn id(hash: &str) -> &str {
    &hash[..16]
}

/// Makes a key; the answer is the only place where it is shown.
#[route(POST, "/keys", access = "admin")]
fn make(request: &Request) -> Result<Response> {
    let wish: Wish = match request.json() {
        Ok(wish) => wish,
        Err(error) => return Ok(Reply::text(400, format!("{}\n", error.into_text()))),
    };
    if let Some(fault) = wish.fault() {
        return Ok(Reply::text(422, format!("{fault}\n")));
    }
    let settings: KeySettings = config()?;
    if all()?.len() >= settings.keys_max as usize {
        return Ok(Reply::text(409, format!("there are {} keys: take some back first\n", settings.keys_max)));
    }
    let key = format!("{PREFIX}{}", hex::encode(clock::random(KEY_BYTES)));
    let hash = hash(&key);
    let kept = Kept { name: wish.name.trim().to_owned(), role: wish.role, made_at_us: clock::now_us() };
    kv::set(&format!("{KEYS}{hash}"), serde_json::to_vec(&kept)?, wish.days.map(|days| days * DAY_S))?;
    log::info(format!("made the key {} for {}", id(&hash), kept.name));
    let mut response = Reply::json(&json!({ "id": id(&hash), "key": key, "name": kept.name, "role": kept.role }))?;
    response.status = 201;
    Ok(response)
}

/// Lists the keys, without what they are.
#[route(GET, "/keys", access = "admin")]
fn list(_request: &Request) -> Result<Response> {
    let mut keys = Vec::new();
    for hash in all()? {
        if let Some(kept) = kept(&hash)? {
            let Kept { name, role, made_at_us } = kept;
            keys.push(json!({ "id": id(&hash), "name": name, "role": role, "made_at_us": made_at_us }));
        }
    }
    Reply::json(&json!({ "keys": keys }))
}

/// Takes a key back, at once.
#[route(DELETE, "/keys/{id}", access = "admin")]
fn take_back(request: &Request) -> Result<Response> {
    let wanted = request.param("id");
    for hash in all()? {
        if id(&hash) == wanted && kv::delete(&format!("{KEYS}{hash}"))? {
            log::info(format!("took the key {wanted} back"));
            return Ok(Reply::of(204, "text/plain", Vec::new()));
        }
    }
    Ok(Reply::text(404, "there is no such key\n"))
}

/// Who stands behind a key.
#[auth("ApiKey")]
fn api_key(credential: &str) -> Result<Option<Identity>> {
    let Some(hash) = credential.starts_with(PREFIX).then(|| hash(credential)) else { return Ok(None) };
    let Some(Kept { name, role, .. }) = kept(&hash)? else {
        log::count("unknown_keys", 1);
        return Ok(None);
    };
    Ok(Some(Identity { id: id(&hash).to_owned(), name, role }))
}

fn kept(hash: &str) -> Result<Option<Kept>> {
    let bytes = kv::get(&format!("{KEYS}{hash}"))?;
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

/// The hashes of all keys.
fn all() -> Result<Vec<String>> {
    let mut hashes = Vec::new();
    let mut after = String::new();
    loop {
        let page = kv::keys(KEYS, &after, 200)?;
        let Some(last) = page.last() else { return Ok(hashes) };
        after.clone_from(last);
        hashes.extend(page.iter().filter_map(|key| key.strip_prefix(KEYS)).map(str::to_owned));
    }
}

hd1_service::service! {
    settings: KeySettings,
    routes: [make, list, take_back],
    auth: [api_key],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(json: Value) -> Result<Wish, serde_json::Error> {
        serde_json::from_value(json)
    }

    #[test]
    fn a_wish_that_breaks_a_rule_says_which() {
        assert_eq!(wish(json!({ "name": "ci", "days": 30 })).unwrap().fault(), None);
        for (json, rule) in [
            (json!({ "name": " " }), "name"),
            (json!({ "name": "a\nb" }), "name"),
            (json!({ "name": "x".repeat(61) }), "name"),
            (json!({ "name": "ci", "role": "admin" }), "role"),
            (json!({ "name": "ci", "days": 0 }), "days"),
        ] {
            assert!(wish(json.clone()).unwrap().fault().unwrap().starts_with(rule), "{json}");
        }
        assert!(wish(json!({ "name": "ci", "admin": true })).is_err());
    }

    #[test]
    fn a_key_is_not_shown_by_its_id() {
        let (one, other) = (hash("hd1k_a"), hash("hd1k_b"));
        assert_ne!(id(&one), id(&other));
        assert_eq!((one.len(), id(&one).len()), (64, 16));
    }

    #[test]
    fn it_declares_its_scheme() {
        let plan: Value = serde_json::from_str(PLAN).unwrap();
        assert_eq!(plan["auth"][0]["scheme"], "ApiKey");
    }
}
