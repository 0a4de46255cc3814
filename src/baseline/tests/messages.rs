//! Exact messages for each kind of bad input.

use super::super::Baseline;

/// The findings of a text as the user sees them.
fn findings(text: &str) -> String {
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
fn account_shapes() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[ous]
"/Security" = {}
[accounts."log archive"]
name = ""
email = "nobody"
ou = "/Securty"
managed = false
[accounts.tagged]
name = "Tagged"
email = "aws+tagged@example.com"
ou = "Security"
tags = { "aws:owner" = "x", team = "a;b" }
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: `log archive` is no key of an account
     --> baseline.toml:6:11
      |
    6 | [accounts."log archive"]
      |           ^^^^^^^^^^^^^
      |
      = help: use 1 to 64 letters, digits, `-` and `_`, but not 12 digits alone

    error: the name of an account has 1 to 128 printable characters
     --> baseline.toml:7:8
      |
    7 | name = ""
      |        ^^

    error: `nobody` is no e-mail address that AWS takes
     --> baseline.toml:8:9
      |
    8 | email = "nobody"
      |         ^^^^^^^^
      |
      = help: 6 to 64 characters, such as `aws+log@example.com`

    error: no OU `/Securty` is declared
     --> baseline.toml:9:6
      |
    9 | ou = "/Securty"
      |      ^^^^^^^^^^
      |
      = help: did you mean `/Security`?

    error: `log archive` is not managed, without a reason
      --> baseline.toml:10:11
       |
    10 | managed = false
       |           ^^^^^
       |
       = help: say why: `reason = "..."`; every report shows it

    error: `Security` is no path of an OU: it must begin with `/`
      --> baseline.toml:14:6
       |
    14 | ou = "Security"
       |      ^^^^^^^^^^
       |
       = help: write it as `/Workloads/Production`

    error: tag key `aws:owner`: keys that begin with `aws:` are AWS's own
      --> baseline.toml:15:24
       |
    15 | tags = { "aws:owner" = "x", team = "a;b" }
       |                        ^^^

    error: `a;b` is no value of a tag
      --> baseline.toml:15:36
       |
    15 | tags = { "aws:owner" = "x", team = "a;b" }
       |                                    ^^^^^
       |
       = help: use letters, digits, spaces and `_ . : / = + - @`
    "#);
}

#[test]
fn ou_paths() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[ous]
"/" = {}
"Security" = {}
"/Security/" = {}
"/A//B" = {}
"/1/2/3/4/5/6" = {}
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: `/` is the root: it is there without a line
     --> baseline.toml:5:1
      |
    5 | "/" = {}
      | ^^^
      |
      = help: take the line out

    error: `Security` is no path of an OU: it must begin with `/`
     --> baseline.toml:6:1
      |
    6 | "Security" = {}
      | ^^^^^^^^^^
      |
      = help: write it as `/Workloads/Production`

    error: `/Security/` is no path of an OU: it must not end with `/`
     --> baseline.toml:7:1
      |
    7 | "/Security/" = {}
      | ^^^^^^^^^^^^
      |
      = help: write it as `/Workloads/Production`

    error: `/A//B` is no path of an OU: it has an empty part
     --> baseline.toml:8:1
      |
    8 | "/A//B" = {}
      | ^^^^^^^
      |
      = help: write it as `/Workloads/Production`

    error: `/1/2/3/4/5/6` is no path of an OU: it is 6 levels deep, AWS allows 5
     --> baseline.toml:9:1
      |
    9 | "/1/2/3/4/5/6" = {}
      | ^^^^^^^^^^^^^^
      |
      = help: write it as `/Workloads/Production`
    "#);
}

#[test]
fn override_selects() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[ous]
"/Sandbox" = {}
[accounts.web]
name = "Web"
email = "aws+web@example.com"
ou = "/Sandbox"
[[overrides]]
select = { ou = "/Sandbx" }
password_policy.max_age_days = 0
[[overrides]]
select = { account = "wob" }
password_policy.max_age_days = 0
[[overrides]]
select = {}
password_policy.max_age_days = 0
[[overrides]]
select = { ou = "/Sandbox", account = "web" }
password_policy.max_age_days = 0
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: no OU `/Sandbx` is declared
      --> baseline.toml:11:17
       |
    11 | select = { ou = "/Sandbx" }
       |                 ^^^^^^^^^
       |
       = help: did you mean `/Sandbox`?

    error: no account `wob` is declared
      --> baseline.toml:14:22
       |
    14 | select = { account = "wob" }
       |                      ^^^^^
       |
       = help: did you mean `web`?

    error: `select` needs `ou` or `account`, and not both
      --> baseline.toml:17:1
       |
    17 | select = {}
       | ^^^^^^
       |
       = help: write `select = { ou = "/Path" }` or `select = { account = "key" }`

    error: `select` needs `ou` or `account`, and not both
      --> baseline.toml:20:1
       |
    20 | select = { ou = "/Sandbox", account = "web" }
       | ^^^^^^
       |
       = help: write `select = { ou = "/Path" }` or `select = { account = "key" }`
    "#);
}

#[test]
fn override_keys() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[[overrides]]
password_policy.max_age_days = 0
[[overrides]]
select = { path = "/Sandbox" }
[[overrides]]
select = { ou = "/Sandbox" }
pasword_policy.max_age_days = 0
organization.prefix = "x"
password_policy.max_age = 0
password_policy.max_age_days = 9999
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: missing key `select`
     --> baseline.toml:4:1
      |
    4 | [[overrides]]
      | ^^^^^^^^^^^^^
      |
      = help: write `select = { ou = "/Path" }` or `select = { account = "key" }`

    error: unknown key `path`
     --> baseline.toml:7:12
      |
    7 | select = { path = "/Sandbox" }
      |            ^^^^
      |
      = help: the keys are: `ou`, `account`

    error: unknown section `pasword_policy`
      --> baseline.toml:10:1
       |
    10 | pasword_policy.max_age_days = 0
       | ^^^^^^^^^^^^^^
       |
       = help: did you mean `password_policy`?

    error: `organization` cannot be overridden
      --> baseline.toml:11:1
       |
    11 | organization.prefix = "x"
       | ^^^^^^^^^^^^

    error: unknown key `max_age`
      --> baseline.toml:12:17
       |
    12 | password_policy.max_age = 0
       |                 ^^^^^^^
       |
       = help: did you mean `max_age_days`?

    error: 9999 is out of range: it must be between 0 and 1095
      --> baseline.toml:13:32
       |
    13 | password_policy.max_age_days = 9999
       |                                ^^^^
    "#);
}

#[test]
fn overrides_are_an_array_of_tables() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[overrides]
select = { ou = "/Sandbox" }
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: expected an array of tables, found a table
     --> baseline.toml:4:2
      |
    4 | [overrides]
      |  ^^^^^^^^^
      |
      = help: write `[[overrides]]`
    "#);
}

#[test]
fn exceptions() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[accounts.legacy-web]
name = "Legacy"
email = "aws+legacy@example.com"
ou = "/"
[[exceptions]]
control = "pasword_policy"
accounts = ["legacy-wbe", "111122223333"]
reason = " "
expires = "2027-06-30"
[[exceptions]]
control = "password_policy"
accounts = []
regions = ["everywhere"]
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: expected a date, such as 2027-06-30 without quotes, found a string
      --> baseline.toml:12:11
       |
    12 | expires = "2027-06-30"
       |           ^^^^^^^^^^^^

    error: missing key `reason`
      --> baseline.toml:13:1
       |
    13 | [[exceptions]]
       | ^^^^^^^^^^^^^^

    error: must not be empty
      --> baseline.toml:15:12
       |
    15 | accounts = []
       |            ^^
    "#);
}

#[test]
fn exception_rules() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[accounts.legacy-web]
name = "Legacy"
email = "aws+legacy@example.com"
ou = "/"
[[exceptions]]
control = "pasword_policy"
accounts = ["legacy-wbe", "111122223333"]
regions = ["everywhere"]
reason = " "
expires = 2027-06-30
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: unknown section `pasword_policy`
     --> baseline.toml:9:11
      |
    9 | control = "pasword_policy"
      |           ^^^^^^^^^^^^^^^^
      |
      = help: did you mean `password_policy`?

    error: no account `legacy-wbe` is declared
      --> baseline.toml:10:13
       |
    10 | accounts = ["legacy-wbe", "111122223333"]
       |             ^^^^^^^^^^^^
       |
       = help: did you mean `legacy-web`?

    error: `everywhere` is no name of a region
      --> baseline.toml:11:12
       |
    11 | regions = ["everywhere"]
       |            ^^^^^^^^^^^^
       |
       = help: write it as `eu-west-1`

    error: an exception needs a reason
      --> baseline.toml:12:10
       |
    12 | reason = " "
       |          ^^^
    "#);
}

#[test]
fn expiry_with_a_time() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[[exceptions]]
control = "password_policy"
accounts = ["111122223333"]
reason = "later"
expires = 2027-06-30T10:00:00Z
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: expected a date without a time, such as 2027-06-30
     --> baseline.toml:8:11
      |
    8 | expires = 2027-06-30T10:00:00Z
      |           ^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn moved_and_removed() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[[removed]]
control = "pasword_policy"
name = "x"
[[moved]]
control = "password_policy"
from = "a"
to = "a"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: unknown section `pasword_policy`
     --> baseline.toml:5:11
      |
    5 | control = "pasword_policy"
      |           ^^^^^^^^^^^^^^^^
      |
      = help: did you mean `password_policy`?

    error: the new name is the old one
      --> baseline.toml:10:6
       |
    10 | to = "a"
       |      ^^^
    "#);
}

#[test]
fn other_letters_do_not_shift_the_mark() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[accounts.web]
name = "Bücher"
email = "ü@example"
ou = "/"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: `ü@example` is no e-mail address that AWS takes
     --> baseline.toml:6:9
      |
    6 | email = "ü@example"
      |         ^^^^^^^^^^^
      |
      = help: 6 to 64 characters, such as `aws+log@example.com`
    "#);
}
