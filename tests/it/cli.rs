//! What the program says before it serves: settings, and how it refuses wrong ones.

use std::process::Output;

use hd1_tests::command;

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    command(arguments).envs(variables.iter().copied()).current_dir(folder.path()).output().expect("hd1 can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn config_prints_values_with_their_sources() {
    let output = output(&["config", "--http", "127.0.0.1:9000"], &[("HD1_WORLDS_THREADS", "3")]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(stdout.contains("http.addr = \"127.0.0.1:9000\"  # the command line (--http)"), "{stdout}");
    assert!(stdout.contains("worlds.threads = 3  # the environment (HD1_WORLDS_THREADS)"), "{stdout}");
    assert!(stdout.contains("demo.scene = \"lobby\"  # default"), "{stdout}");
}

#[test]
fn a_misspelt_setting_stops_the_server_before_it_starts() {
    let output = output(&["serve"], &[("HD1_HTTP_ADR", "127.0.0.1:0")]);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("did you mean `HD1_HTTP_ADDR`?"), "{stderr}");
}

#[test]
fn help_names_every_command() {
    let help = text(&output(&["--help"], &[]).stdout);
    for name in ["serve", "config", "bots", "replay", "scene", "plugin"] {
        assert!(help.contains(name), "{name} is missing in\n{help}");
    }
}
