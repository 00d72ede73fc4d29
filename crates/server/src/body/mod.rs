//! Bodies of requests: read and decompressed, never more than the limits allow.

mod encoding;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

pub(crate) use encoding::{ACCEPTED, Encoding, decompress};

use crate::room::Hold;
use crate::service::Refusal;

/// Reads a body of at most so many bytes; the memory for it comes from `hold`, as it arrives.
pub(crate) async fn read(mut body: Incoming, most: usize, hold: &mut Hold) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::TooLarge(format!("a request may have {most} bytes"));
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > most {
            return Err(too_large());
        }
        hold.grow(data.len()).await?;
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve_exact(announced);
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}

fn broken(error: &hyper::Error) -> Refusal {
    Refusal::Malformed(format!("the request breaks off: {error}"))
}
