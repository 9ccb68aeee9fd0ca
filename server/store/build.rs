//! Tells cargo that the migrations are part of the program: `sqlx::migrate!` cannot on a stable compiler.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
