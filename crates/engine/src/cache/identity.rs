//! What stands for an output in the keys of those who read it: the signature of the call, or the content of the output.

use super::CachedOutput;
use crate::value::KeyDigest;

/// Stands for an output by the signature of the call that made it.
///
/// Signatures are as good as random, so changing some bits by the output's number keeps the outputs of a node apart as well as
/// another hash would.
pub(crate) fn of_signature(signature: &KeyDigest, output: usize) -> KeyDigest {
    let mut identity = *signature;
    for (byte, number) in identity.iter_mut().zip((output as u64).to_le_bytes()) {
        *byte ^= number;
    }
    identity
}

/// Stands for an output by the digest of its encoded value.
pub(crate) fn of_content(digest: &KeyDigest) -> KeyDigest {
    *blake3::Hasher::new().update(b"flowglass content 1").update(digest).finalize().as_bytes()
}

/// Says whether a digest stands for an output of the call with this signature.
pub(super) fn stands_for(digest: &KeyDigest, signature: &KeyDigest, outputs: &[CachedOutput]) -> bool {
    let mut outputs = outputs.iter().enumerate();
    outputs.any(|(number, output)| *digest == of_signature(signature, number) || *digest == of_content(&output.digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_apart_and_found_again() {
        let signature = [7; 32];
        let outputs = [b"a", b"b"].map(|bytes| CachedOutput::of(bytes, String::new()));
        let identities = [of_signature(&signature, 0), of_signature(&signature, 1), of_content(&outputs[0].digest)];
        assert_ne!(identities[0], identities[1]);
        assert!(identities.iter().all(|identity| stands_for(identity, &signature, &outputs)));
        assert!(!stands_for(&of_signature(&signature, 2), &signature, &outputs));
    }
}
