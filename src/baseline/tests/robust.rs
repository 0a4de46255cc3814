//! Any text gives a baseline or findings, never a panic.

use proptest::prelude::*;

use super::super::Baseline;

/// Pieces that get further into the parser than random text does.
const PIECES: [&str; 24] = [
    "version = 1\n",
    "[organization]\n",
    "home_region = \"eu-west-1\"\n",
    "regions = [",
    "\"x\"",
    "]",
    "[[overrides]]\n",
    "select = { ou = \"/A\" }\n",
    "select = { account = \"\" }\n",
    "[accounts.a]\n",
    "[accounts]\n",
    "a = 1\n",
    "ous = [{}]\n",
    "[password_policy]\n",
    "password_policy = 3\n",
    "max_age_days = 0x_F\n",
    "minimum_length = 99999999999999999999\n",
    "[[exceptions]]\n",
    "expires = 2027-02-30\n",
    "\"\\u00fc\" = 'ü'\n",
    "\u{feff}",
    "\r\n",
    "overrides = [1]\n",
    "inf = nan\n",
];

fn ends(text: &str) {
    if let Err(e) = Baseline::parse("x.toml", text) {
        assert!(!e.findings.is_empty());
        assert!(e.render(false).starts_with("error: "), "{}", e.render(false));
        assert!(!e.render(true).is_empty());
    }
}

proptest! {
    #[test]
    fn any_text(text in "\\PC*") {
        ends(&text);
    }

    #[test]
    fn any_order_of_pieces(order in prop::collection::vec(0..PIECES.len(), 0..20)) {
        let text: String = order.iter().map(|i| PIECES[*i]).collect();
        ends(&text);
    }

    #[test]
    fn any_change_of_one_byte(at in 0..200usize, with in any::<char>()) {
        let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[accounts.web]\nname = \"Web\"\nemail = \"w@example.com\"\nou = \"/\"\n[[overrides]]\nselect = { account = \"web\" }\npassword_policy.max_age_days = 3\n";
        let changed: String = text.chars().enumerate().map(|(i, c)| if i == at { with } else { c }).collect();
        ends(&changed);
    }
}
