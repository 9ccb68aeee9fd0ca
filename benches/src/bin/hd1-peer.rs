//! HD1 as the peers' programs are: `hd1-peer SCENE [--quick]` prints its figures on one line.

use hd1_benches::peers::{self, browser, websocket::watchers};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((first, rest)) if first == watchers::NAME => return watchers::run(rest),
        Some((first, rest)) if first == browser::RECORD => return browser::record(rest),
        _ => {}
    }
    let (scene, quick) = hd1_scenario::command::arguments()?;
    peers::measure(&scene, quick)?.print()
}
