//! Stories told through the real binary: each file is one part of what a user relies on.

mod authority;
mod cli;
mod drain;
mod durability;
mod entities;
mod hostile;
mod interest;
mod lifecycle;
mod messages;
mod other_languages;
mod packages;
mod participants;
mod plugins;
mod postgres;
mod programs;
mod realtime;
mod services;
mod sessions;
mod start;
mod surface;
mod tokens;
