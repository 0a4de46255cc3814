//! `aws-chunked` bodies: `SIZE[;chunk-signature=..]\r\n DATA \r\n ... 0 ... trailers`.

/// The data without its framing; `None` where the body is cut off or malformed. Signatures and trailers are not checked.
pub(super) fn decode(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(body.get(..end)?).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        body = body.get(end + 2..)?;
        if size == 0 {
            return Some(data);
        }
        data.extend_from_slice(body.get(..size)?);
        body = body.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn chunks_are_joined_and_trailers_dropped() {
        let body = b"3;chunk-signature=ab\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(decode(body), Some(b"abcde".to_vec()));
        assert_eq!(decode(b"0\r\n\r\n"), Some(Vec::new()));
        for bad in [&b"3\r\nab"[..], b"zz\r\n", b"", b"ffffffffffffffff\r\nabc", b"3\r\nabcd\r\n0\r\n"] {
            assert_eq!(decode(bad), None);
        }
    }
}
