//! HD1 as the peers' programs are: `hd1-peer SCENE [--quick]` prints its figures on one line.

use hd1_benches::peers::{self, websocket::watchers};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = words.split_first()
        && first == watchers::NAME
    {
        return watchers::run(rest);
    }
    let (scene, quick) = hd1_scenario::command::arguments()?;
    peers::measure(&scene, quick)?.print()
}
