//! A folder in which bytes wait while their destination is away.
//!
//! A [`Spool`] keeps *frames*: bytes that mean something to the sink that wrote them, and the count of items in them. Frames are read
//! in the order in which they came, and stay until the sink says that they have arrived, so what was on its way when a process died
//! is sent again. A frame costs 24 bytes on top of its own.
//!
//! # Files
//!
//! Below the folder of a destination each process has a folder of its own, which it holds by a lock that ends with the process; the
//! first that comes after its death takes over what waits there. In it lie segments, `0000000000000001.frames` and so on: frames
//! behind each other, each with checksums, and with a mark once it has arrived. A segment in which nothing waits any more is deleted.
//!
//! What can't be read is stepped over, counted in [`Spool::take_lost`], and not deleted: a segment that holds such bytes ends as
//! `….aside`, beside what was [refused](Spool::refuse), for people to look at. Such files take no more room than what
//! waits may; what would go beyond is gone. Files with other names are left alone.
//!
//! ```
//! use flowglass_spool::{Spool, WhenFull};
//!
//! # let folder = tempfile::tempdir()?;
//! let mut spool = Spool::open(folder.path(), 64 << 20, WhenFull::DropOldest)?;
//! spool.push(512, b"512 spans")?;
//! spool.flush()?;
//! for frame in spool.lend(16) {
//!     // Send it; what can't be sent is given back instead.
//!     assert_eq!((frame.items, frame.bytes.as_slice()), (512, b"512 spans".as_slice()));
//! }
//! spool.arrived(1);
//! assert!(spool.is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```

mod folder;
mod head;
mod segment;
mod spool;

pub use folder::waiting_in;
pub use spool::{Frame, Spool, WhenFull};
