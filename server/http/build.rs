//! Makes sure that the folder of the built web page exists, possibly empty: `rust-embed` refuses to compile without it.
fn main() {
    // Asked when it runs: two checkouts that share a target folder share this program, too.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let dist = std::path::Path::new(&own).join("../web/dist");
    if let Err(error) = std::fs::create_dir_all(&dist) {
        println!("cargo::warning=cannot create {}: {error}", dist.display());
    }
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-env-changed=CARGO_MANIFEST_DIR");
}
