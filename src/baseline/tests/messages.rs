//! Exact messages for each kind of bad input.

use super::super::Baseline;

/// The findings of a text as the user sees them.
pub(super) fn findings(text: &str) -> String {
    match Baseline::parse("baseline.toml", text) {
        Ok(_) => "no finding".into(),
        Err(e) => e.render(false),
    }
}

#[test]
fn syntax_errors_one_per_line() {
    let text = r#"
version = 1
[organization
home_region = "eu-west-1"
prefix = = 3
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: unclosed table, expected `]`
     --> baseline.toml:2:14
      |
    2 | [organization
      |              ^

    error: extra `=`, expected nothing
     --> baseline.toml:4:10
      |
    4 | prefix = = 3
      |          ^
    "#);
}

#[test]
fn unknown_section_and_keys_in_one_run() {
    let text = r#"
version = 1
[organization]
home_regoin = "eu-west-1"
home_region = "eu-west-1"
[pasword_policy]
max_age_days = 90
[password_policy]
minimum_lenght = 14
max_age = 3
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: unknown key `home_regoin`
     --> baseline.toml:3:1
      |
    3 | home_regoin = "eu-west-1"
      | ^^^^^^^^^^^
      |
      = help: did you mean `home_region`?

    error: unknown section `pasword_policy`
     --> baseline.toml:5:2
      |
    5 | [pasword_policy]
      |  ^^^^^^^^^^^^^^
      |
      = help: did you mean `password_policy`?

    error: unknown key `minimum_lenght`
     --> baseline.toml:8:1
      |
    8 | minimum_lenght = 14
      | ^^^^^^^^^^^^^^
      |
      = help: did you mean `minimum_length`?

    error: unknown key `max_age`
     --> baseline.toml:9:1
      |
    9 | max_age = 3
      | ^^^^^^^
      |
      = help: did you mean `max_age_days`?
    "#);
}

#[test]
fn wrong_types_and_ranges() {
    let text = r#"
version = 1
[organization]
home_region = 7
source_identity = "yes"
[password_policy]
minimum_length = "14"
max_age_days = 5000
require_symbols = 1
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: expected a string, found an integer
     --> baseline.toml:3:15
      |
    3 | home_region = 7
      |               ^

    error: expected `true` or `false`, found a string
     --> baseline.toml:4:19
      |
    4 | source_identity = "yes"
      |                   ^^^^^

    error: expected an integer, found a string
     --> baseline.toml:6:18
      |
    6 | minimum_length = "14"
      |                  ^^^^

    error: 5000 is out of range: it must be between 0 and 1095
     --> baseline.toml:7:16
      |
    7 | max_age_days = 5000
      |                ^^^^

    error: expected `true` or `false`, found an integer
     --> baseline.toml:8:19
      |
    8 | require_symbols = 1
      |                   ^
    "#);
}

#[test]
fn ranges_are_found_once() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[password_policy]
minimum_length = 4
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: 4 is out of range: it must be between 6 and 128
     --> baseline.toml:5:18
      |
    5 | minimum_length = 4
      |                  ^
    "#);
}

#[test]
fn missing_keys() {
    let text = r#"
version = 1
[organization]
prefix = "orgbase"
[accounts.log]
name = "Log"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: missing key `home_region`
     --> baseline.toml:2:2
      |
    2 | [organization]
      |  ^^^^^^^^^^^^

    error: missing key `email`
     --> baseline.toml:4:11
      |
    4 | [accounts.log]
      |           ^^^

    error: missing key `ou`
     --> baseline.toml:4:11
      |
    4 | [accounts.log]
      |           ^^^
    "#);
}

#[test]
fn missing_organization_and_version() {
    let text = r"
[password_policy]
minimum_length = 14
";
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: missing table `[organization]`
     --> baseline.toml:1:1
      |
    1 | [password_policy]
      | ^
      |
      = help: add `[organization]` with at least `home_region = "eu-west-1"`

    error: missing key `version`
     --> baseline.toml:1:1
      |
    1 | [password_policy]
      | ^
      |
      = help: begin the file with `version = 1`
    "#);
}

#[test]
fn another_version() {
    let text = r#"
version = 2
[organization]
home_region = "eu-west-1"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: the version of the file format must be 1
     --> baseline.toml:1:11
      |
    1 | version = 2
      |           ^
      |
      = help: write `version = 1`
    "#);
}

#[test]
fn a_slip_in_the_home_region_is_told_from_another_region() {
    let text = "version = 1\n[organization]\nhome_region = \"eu-wset-1\"\nregions = [\"eu-west-1\"]\n";
    assert!(findings(text).contains("did you mean `eu-west-1`?"), "{}", findings(text));
    assert!(!findings(&text.replace("wset", "north")).contains("did you mean"));
}

#[test]
fn regions() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
regions = ["us-east-1", "Ireland", "us-east-1"]
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: the home region `eu-west-1` is not in `regions`
     --> baseline.toml:3:15
      |
    3 | home_region = "eu-west-1"
      |               ^^^^^^^^^^^
      |
      = help: add it to `regions`

    error: `Ireland` is no name of a region
     --> baseline.toml:4:25
      |
    4 | regions = ["us-east-1", "Ireland", "us-east-1"]
      |                         ^^^^^^^^^
      |
      = help: write it as `eu-west-1`

    error: `us-east-1` is named twice
     --> baseline.toml:4:36
      |
    4 | regions = ["us-east-1", "Ireland", "us-east-1"]
      |                                    ^^^^^^^^^^^
    "#);
}

#[test]
fn regions_are_a_list_or_enabled() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
regions = "enable"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: unknown value `enable`
     --> baseline.toml:4:11
      |
    4 | regions = "enable"
      |           ^^^^^^^^
      |
      = help: did you mean `enabled`?
    "#);
}

#[test]
fn organization_shapes() {
    let text = r#"
version = 1
[organization]
id = "o-UPPER"
home_region = "eu-west-1"
access_role = "arn:aws:iam::1:role/x"
external_id = "!"
prefix = "Org_Base"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: `o-UPPER` does not have the form `^o-[a-z0-9]{10,32}$`
     --> baseline.toml:3:6
      |
    3 | id = "o-UPPER"
      |      ^^^^^^^^^

    error: `arn:aws:iam::1:role/x` is no name of a role
     --> baseline.toml:5:15
      |
    5 | access_role = "arn:aws:iam::1:role/x"
      |               ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: give its name without an ARN: at most 64 letters, digits and `_ + = , . @ -`

    error: an external id has 2 to 1224 letters, digits and `_ + = , . @ : / -`
     --> baseline.toml:6:15
      |
    6 | external_id = "!"
      |               ^^^

    error: `Org_Base` is no prefix of names
     --> baseline.toml:7:10
      |
    7 | prefix = "Org_Base"
      |          ^^^^^^^^^^
      |
      = help: use 3 to 20 lower-case letters, digits and hyphens, with no hyphen at the ends
    "#);
}

#[test]
fn duplicate_email_in_any_letter_case() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[accounts.web]
name = "Web"
email = "aws+web@example.com"
ou = "/"
[accounts.app]
name = "App"
email = "AWS+Web@example.com"
ou = "/"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: the e-mail address `aws+web@example.com` is also that of `web`
      --> baseline.toml:10:9
       |
    10 | email = "AWS+Web@example.com"
       |         ^^^^^^^^^^^^^^^^^^^^^
       |
      ::: baseline.toml:6:9
       |
     6 | email = "aws+web@example.com"
       |         --------------------- first used here
       |
       = help: an account has one address and stands in one OU; addresses that differ in letter case are the same
    "#);
}

#[test]
fn an_ou_must_be_declared_or_be_there() {
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[ous]\n\"/Security\" = {}\n\
                [[scps]]\nname = \"own\"\npreset = \"deny-leave-org\"\ntargets = [\"/Securty\", \"/Live\"]\n";
    let baseline = Baseline::parse("b.toml", text).unwrap();
    let mut facts = crate::facts::Facts::default();
    let ou = |path: &str| crate::facts::Ou {
        id: "ou-1".into(),
        arn: String::new(),
        path: path.into(),
        name: path[1..].into(),
        parent_id: "r-1".into(),
    };
    facts.ous.insert("/Live".into(), ou("/Live"));
    let shown = baseline.check_ous(&facts).unwrap_err().render(false);
    assert!(shown.contains("no OU `/Securty` is declared, and the organization has none"), "{shown}");
    assert!(shown.contains("did you mean `/Security`?") && !shown.contains("/Live` is"), "{shown}");
    facts.ous.insert("/Securty".into(), ou("/Securty"));
    assert!(baseline.check_ous(&facts).is_ok());
}
