//! `hd1 plugin`: projects, and packages made, signed and verified here, and installed and tended on a server.

pub mod args;
mod author;
mod package;
mod print;
mod remote;
mod secret;
mod server;
#[cfg(test)]
mod tests;

use anyhow::Result;

use args::Plugin;

/// Does what the command line says.
///
/// # Errors
/// A file cannot be read or written, a package is at fault or not to run, or a server does not do what it is asked.
pub fn run(command: &Plugin) -> Result<()> {
    match command {
        Plugin::Author(command) => author::run(command),
        Plugin::Key { file } => package::make_key(file),
        Plugin::Pack { folder, out, key } => package::pack(folder, out.as_deref(), key.as_deref()),
        Plugin::Sign { file, key } => package::sign(file, key),
        Plugin::Verify { file, trust, json } => package::verify(file, trust.as_deref(), *json),
        Plugin::Install { path, key, server } => server::install(path, key.as_deref(), server),
        Plugin::List { session: None, server } => server::list(server),
        Plugin::List { session: Some(session), server } => server::list_of(*session, server),
        Plugin::Show(named) => server::show(named),
        Plugin::Enable(named) => server::step(named, "enable"),
        Plugin::Disable(named) => server::step(named, "disable"),
        Plugin::Restart(named) => server::step(named, "restart"),
        Plugin::Rollback(named) => server::step(named, "rollback"),
        Plugin::Uninstall(named) => server::uninstall(named),
        Plugin::Attach { id, session, position, values, server } => {
            server::attach(id, *session, *position, values, server)
        }
        Plugin::Detach { id, session, server } => server::detach(id, *session, server),
        Plugin::Grant { id, rights, none, server } => server::grant(id, rights, *none, server),
        Plugin::Config { id, values, session, server } => server::config(id, *session, values, server),
        Plugin::Jobs { id, failed, server } => server::jobs(id, *failed, server),
        Plugin::Retry { id, job, server } => server::retry(id, *job, server),
        Plugin::Secret { command } => secret::run(command),
        Plugin::Logs { id, follow, lines, server } => server::logs(id, *lines, *follow, server),
        Plugin::Stats(named) => server::stats(named),
        Plugin::Health(named) => server::health(named),
    }
}
