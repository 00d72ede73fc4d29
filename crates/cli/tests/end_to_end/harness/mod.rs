//! What the tests stand on: folders of files, calls of the command, and what came of them.

mod call;
mod ended;
mod fifo;
mod home;
mod process;

pub(crate) use call::{Call, Running};
pub(crate) use ended::{Ended, node};
pub(crate) use fifo::Fifo;
pub(crate) use home::Home;
pub(crate) use process::Process;
