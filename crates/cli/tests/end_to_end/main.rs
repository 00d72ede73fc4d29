//! The `flowglass` command from outside: files in, screens, JSON, exit codes and stores out.
//!
//! One file a topic, all in one program: it links once, and the harness is shared without being compiled for each topic.
#![cfg(unix)]

mod attributes;
mod bad_arguments;
mod bad_files;
mod bad_stores;
mod cache_keys;
mod cache_places;
mod cache_verbs;
mod caching;
mod children;
mod configuration;
mod death;
mod doctor;
mod exchange;
mod exports;
mod failures;
mod graphs;
mod harness;
mod hostile_values;
mod inputs;
mod json_shape;
mod large_values;
mod listing;
mod map_arguments;
mod maps;
mod nesting;
mod outputs;
mod parsing;
mod paths;
mod placeholders;
mod processes;
mod querying;
mod resuming;
mod retries;
mod run_ids;
mod screens;
mod servers;
mod serving;
mod showing;
mod signals;
mod sql;
mod standard_input;
mod store_verbs;
mod stores;
mod two_writers;
