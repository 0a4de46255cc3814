//! What self-contained HTML pages share: they load nothing, and a content security policy with the hashes of their one style
//! and one script forbids everything else.

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

/// Replaces the marks (`{{title}}`) of a page by texts, in the order in which they stand in it. Each mark stands in the page
/// once, and no text is looked through again.
pub fn fill(page: &str, parts: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(page.len() + parts.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut rest = page;
    for (mark, text) in parts {
        let Some((before, after)) = rest.split_once(mark) else { continue };
        out.push_str(before);
        out.push_str(text);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A hash as a content security policy names it.
pub fn hash(text: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// A text that is not read as markup, in an attribute too.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// JSON inside of `<script>`: without `<` neither `</script` nor `<!--` can stand in it.
pub fn data_block(json: &str) -> String {
    json.replace('<', "\\u003c").replace(['\u{2028}', '\u{2029}'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_in_texts_stay() {
        assert_eq!(fill("<{{a}}|{{b}}>", &[("{{a}}", "{{b}}"), ("{{b}}", "x")]), "<{{b}}|x>");
        assert_eq!(fill("no marks", &[("{{a}}", "x")]), "no marks");
    }

    #[test]
    fn texts_are_no_markup() {
        assert_eq!(escape("<a href='x' b=\"y\">&"), "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;");
        assert!(!data_block("{\"a\":\"</script><!--\"}").contains('<'));
    }
}
