//! What is said about single accounts, OUs, overrides, exceptions and moves. Each finding is one snapshot.

use super::messages::findings;

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
      = help: the keys are: `ou`, `account`, `region`

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
control = "ous"
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

/// Who lists what is to go must not believe that it goes.
#[test]
fn sections_that_take_nothing_away_are_not_named_as_such() {
    let text = r#"
version = 1
[organization]
home_region = "eu-west-1"
[password_policy]
minimum_length = 14
[[removed]]
control = "password_policy"
name = "x"
[[moved]]
control = "scps"
from = "a"
to = "b"
"#;
    insta::assert_snapshot!(findings(text.trim_start()), @r#"
    error: `[[removed]]` does nothing for `password_policy`
     --> baseline.toml:7:11
      |
    7 | control = "password_policy"
      |           ^^^^^^^^^^^^^^^^^
      |
      = help: take the entry out; `[[removed]]` is for: `access_analyzer`, `alternate_contacts`, `config`, `ous`, `policy_types`, `scps`, `securityhub`

    error: `[[moved]]` does nothing for `scps`
      --> baseline.toml:10:11
       |
    10 | control = "scps"
       |           ^^^^^^
       |
       = help: take the entry out; `[[moved]]` is for: `ous`
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
