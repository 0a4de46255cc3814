#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn variants() -> BTreeMap<String, BTreeMap<String, String>> {
    toml::from_str(include_str!("test_data/variants.toml")).unwrap()
}

fn json(text: &str) -> Expression {
    match Pattern::parse(text).unwrap() {
        Pattern::Json(expression) => expression,
        Pattern::Text(text) => panic!("not JSON: {text}"),
    }
}

fn name(name: &str) -> Selector {
    vec![Step::Name(name.into())]
}

fn equal(selector: &str, value: &str) -> Expression {
    Expression::Compare {
        selector: name(selector),
        operator: Operator::Equal,
        value: Value::Text(value.into()),
    }
}

#[test]
fn every_known_text_parses() {
    let variants = variants();
    assert_eq!(variants.len(), 15);
    for (key, texts) in &variants {
        for (source, text) in texts {
            let parsed = Pattern::parse(text).unwrap();
            assert!(matches!(parsed, Pattern::Json(_)), "{key} {source}");
            assert_eq!(parsed.clone().normalised().normalised(), parsed.normalised(), "{key} {source}");
        }
    }
}

/// Which sources mean the same; those not named here differ, as the facts file says why.
#[test]
fn known_texts_that_agree() {
    let variants = variants();
    let same = |key: &str, a: &str, b: &str| same_meaning(&variants[key][a], &variants[key][b]);
    for key in ["cloudtrail-changes", "nacl-changes", "network-gateway-changes", "vpc-changes"] {
        for other in ["cis_1_2", "cis_1_4_to_3_0", "cis_5_0", "security_hub"] {
            assert!(same(key, "recommended", other), "{key} {other}");
        }
    }
    assert!(same("organizations-changes", "cis_1_4_to_3_0", "cis_5_0"));
    // Three event names more than CIS lists.
    assert!(!same("organizations-changes", "recommended", "cis_5_0"));
    // CIS 5.0 relies on `&&` binding tighter; 1.4 joins everything with `||`.
    assert!(!same("unauthorized-api-calls", "recommended", "cis_5_0"));
    assert!(!same("unauthorized-api-calls", "cis_1_4_to_3_0", "cis_5_0"));
    assert!(!same("route-table-changes", "recommended", "cis_5_0"));
}

#[test]
fn shipped_filters_are_the_recommended_ones() {
    let variants = variants();
    let mut keys = BTreeSet::new();
    let mut names = BTreeSet::new();
    for filter in shipped::all() {
        assert!(keys.insert(filter.key.to_owned()) && names.insert(filter.metric_name));
        assert_eq!(filter.pattern, variants[filter.key]["recommended"]);
        assert!(filter.pattern.len() <= 1024, "{}", filter.key);
        assert!(filter.cis.iter().any(|(version, _)| *version == "7.0.0"), "{}", filter.key);
    }
    assert_eq!(keys, variants.into_keys().collect());
    let root = shipped::get("root-usage").unwrap();
    assert_eq!(root.cis.first(), Some(&("1.2.0", "3.3")));
    assert_eq!(shipped::get("root"), None);
}

#[test]
fn conditions() {
    let compare = |operator, value| Expression::Compare { selector: name("a"), operator, value };
    let number = |text: &str| Value::Number(text.into());
    for (text, expected) in [
        ("{ $.a = b }", equal("a", "b")),
        ("{$.a=\"b\"}", equal("a", "b")),
        (" { ( ($.a = b) ) } ", equal("a", "b")),
        ("{ $.a = \"b c\" }", equal("a", "b c")),
        (r#"{ $.a = "b \"c\" \\ \d" }"#, equal("a", r#"b "c" \ \d"#)),
        ("{ $.a = *b* }", equal("a", "*b*")),
        ("{ $.a = \"400\" }", equal("a", "400")),
        ("{ $.a = 0400 }", equal("a", "0400")),
        ("{ $.a = inf }", equal("a", "inf")),
        ("{ $.a = ec2.amazonaws.com }", equal("a", "ec2.amazonaws.com")),
        ("{ $.a != 123.123.* }", compare(Operator::NotEqual, Value::Text("123.123.*".into()))),
        ("{ $.a != 10.0.0.1 }", compare(Operator::NotEqual, Value::Text("10.0.0.1".into()))),
        ("{ $.a = 400 }", compare(Operator::Equal, number("400"))),
        ("{ $.a < 10e3 }", compare(Operator::Less, number("10000"))),
        ("{ $.a <= 55.50 }", compare(Operator::LessOrEqual, number("55.5"))),
        ("{ $.a > +1000}", compare(Operator::Greater, number("1000"))),
        ("{ $.a >= -0.5 }", compare(Operator::GreaterOrEqual, number("-0.5"))),
        (
            r"{ $.a = %^x\.[0-9]{1,2} && y% }",
            compare(Operator::Equal, Value::Regex(r"^x\.[0-9]{1,2} && y".into())),
        ),
        ("{ $.a IS NULL }", Expression::Is(name("a"), Constant::Null)),
        ("{ $.a IS TRUE }", Expression::Is(name("a"), Constant::True)),
        ("{ $.a is false }", Expression::Is(name("a"), Constant::False)),
        ("{ $.a NOT  EXISTS }", Expression::NotExists(name("a"))),
        ("{ $.a EXISTS }", Expression::Exists(name("a"))),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
}

#[test]
fn selectors() {
    let steps = |text: &str| match json(&format!("{{ {text} EXISTS }}")) {
        Expression::Exists(selector) => selector,
        other => panic!("{other:?}"),
    };
    let named = |text: &str| Step::Name(text.into());
    assert_eq!(steps("$.a.b-c_d"), [named("a"), named("b-c_d")]);
    assert_eq!(steps("$.a[0][12].b"), [named("a"), Step::Index(0), Step::Index(12), named("b")]);
    assert_eq!(steps("$.a[*].*"), [named("a"), Step::Each, Step::Each]);
    assert_eq!(steps("$.['cluster.name']"), [named("cluster.name")]);
    assert_eq!(steps("$['a'].[\"b c\"]"), [named("a"), named("b c")]);
}

#[test]
fn and_binds_tighter_than_or() {
    let [a, b, c] = ["a", "b", "c"].map(|key| equal(key, "x"));
    let both = |x: &Expression, y: &Expression| Expression::All(vec![x.clone(), y.clone()]);
    let either = |x: &Expression, y: &Expression| Expression::Any(vec![x.clone(), y.clone()]);
    assert_eq!(json("{$.a=x || $.b=x && $.c=x}"), either(&a, &both(&b, &c)));
    assert_eq!(json("{$.a=x && $.b=x || $.c=x}"), either(&both(&a, &b), &c));
    assert_eq!(json("{($.a=x || $.b=x) && $.c=x}"), both(&either(&a, &b), &c));
    assert_eq!(json("{$.a=x&&$.b=x&&$.c=x}"), Expression::All(vec![a, b, c]));
}

#[test]
fn errors_say_where() {
    for (text, position, problem) in [
        ("{}", 2, "expected a selector"),
        ("{ a = b }", 3, "expected a selector"),
        ("{ $ = b }", 4, "expected `.`"),
        ("{ $.a. = b }", 7, "expected a property name"),
        ("{ $.a[x] = b }", 8, "expected a number"),
        ("{ $.a[0 = b }", 9, "expected `]`"),
        ("{ $.a }", 7, "expected a comparison"),
        ("{ $.a = }", 9, "expected a value"),
        ("{ $.a < b }", 10, "`<` needs a number"),
        ("{ $.a = \"b }", 13, "no closing \""),
        ("{ $.a = %b }", 13, "no closing %"),
        ("{ $.a IS NOT }", 13, "`IS` needs"),
        ("{ $.a NOT NULL }", 15, "`NOT` needs"),
        ("{ $.a = b", 10, "expected `}`"),
        ("{ ($.a = b }", 12, "expected `)`"),
        ("{ $.a = b && }", 14, "expected a selector"),
        ("{ $.a = b } }", 13, "text after"),
        ("{ $.é = b c }", 11, "expected `}`"),
    ] {
        let error = Pattern::parse(text).unwrap_err();
        assert_eq!(error.position, position, "{text} {error}");
        assert!(error.problem.starts_with(problem), "{text} {error}");
    }
    let deep = format!("{{ {}$.a = b{} }}", "(".repeat(65), ")".repeat(65));
    assert_eq!(Pattern::parse(&deep).unwrap_err().problem, "too many nested parentheses");
}

#[test]
fn same_and_other_meanings() {
    for (a, b) in [
        ("{ $.a = x || $.b = y }", "{($.b=\"y\") || ($.a=\"x\")}"),
        ("{ $.a = x && ($.b = y && $.c = z) }", "{ ($.c = z && $.a = x) && $.b = y }"),
        ("{ $.a = x || $.a = x }", "{ $.a = \"x\" }"),
        ("{ ($.a = x || $.a = x) && $.b = y }", "{ $.b = y && $.a = x }"),
        ("{ $.a = 1e3 }", "{ $.a = +1000 }"),
        ("{ $.['a'] = x }", "{ $.a = x }"),
        ("ERROR   -\"a  b\"", " ERROR -\"a  b\" "),
        ("", "  "),
        ("{ broken", "{   broken "),
    ] {
        assert!(same_meaning(a, b), "{a} {b}");
    }
    for (a, b) in [
        ("{ $.a = x || $.b = y }", "{ $.a = x && $.b = y }"),
        ("{ $.a = x }", "{ $.a != x }"),
        ("{ $.a = x }", "{ $.a = X }"),
        ("{ $.a = 400 }", "{ $.a = \"400\" }"),
        ("{ $.a = %x% }", "{ $.a = x }"),
        ("{ $.a NOT EXISTS }", "{ $.a IS NULL }"),
        ("{ $.a = x || $.b = y && $.c = z }", "{ ($.a = x || $.b = y) && $.c = z }"),
        ("-\"a  b\"", "-\"a b\""),
        ("{ $.a = x }", "{ $.a = x"),
    ] {
        assert!(!same_meaning(a, b), "{a} {b}");
    }
}

/// Writes an expression; `choices` decide on order, grouping, spaces, quotes and needless parentheses.
fn write(expression: &Expression, choices: &mut impl FnMut() -> bool) -> String {
    let text = match expression {
        Expression::All(parts) => join(parts, "&&", choices),
        Expression::Any(parts) => join(parts, "||", choices),
        Expression::Compare { selector, operator: Operator::Equal, value: Value::Text(text) } => {
            let quote = if choices() { "\"" } else { "" };
            let space = if choices() { " " } else { "" };
            format!("{}{space}={space}{quote}{text}{quote}", path(selector))
        }
        Expression::NotExists(selector) => format!("{} NOT EXISTS", path(selector)),
        other => panic!("not generated: {other:?}"),
    };
    let compound = matches!(expression, Expression::All(_) | Expression::Any(_));
    if compound || choices() { format!("({text})") } else { text }
}

fn join(parts: &[Expression], sign: &str, choices: &mut impl FnMut() -> bool) -> String {
    let mut texts: Vec<String> = parts.iter().map(|part| write(part, choices)).collect();
    if choices() {
        texts.reverse();
    }
    if choices() {
        texts.rotate_left(1);
    }
    if choices() && texts.len() > 2 {
        let tail = texts.split_off(1).join(sign);
        texts.push(format!("( {tail})"));
    }
    texts.join(&format!(" {sign} "))
}

fn path(selector: &Selector) -> String {
    let steps = selector.iter().map(|step| match step {
        Step::Name(name) => format!(".{name}"),
        Step::Index(index) => format!("[{index}]"),
        Step::Each => ".*".into(),
    });
    format!("${}", steps.collect::<String>())
}

fn expressions() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        ("[a-c]", "[x-z]").prop_map(|(selector, value)| equal(&selector, &value)),
        "[a-c]".prop_map(|selector| Expression::NotExists(name(&selector))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
            prop::collection::vec(inner, 2..4).prop_map(Expression::Any),
        ]
    })
}

/// Whether the expression holds for an event.
fn holds(expression: &Expression, event: &BTreeMap<String, String>) -> bool {
    let get = |selector: &Selector| match selector.as_slice() {
        [Step::Name(name)] => event.get(name),
        other => panic!("not generated: {other:?}"),
    };
    match expression {
        Expression::All(parts) => parts.iter().all(|part| holds(part, event)),
        Expression::Any(parts) => parts.iter().any(|part| holds(part, event)),
        Expression::Compare { selector, value: Value::Text(text), .. } => get(selector) == Some(text),
        Expression::NotExists(selector) => get(selector).is_none(),
        other => panic!("not generated: {other:?}"),
    }
}

proptest! {
    #[test]
    fn normalising_is_idempotent_and_keeps_the_meaning(
        expression in expressions(),
        event in prop::collection::btree_map("[a-c]", "[x-z]", 0..4),
    ) {
        let normal = expression.clone().normalised();
        prop_assert_eq!(normal.clone().normalised(), normal.clone());
        prop_assert_eq!(holds(&normal, &event), holds(&expression, &event));
    }

    #[test]
    fn writing_it_otherwise_changes_nothing(
        expression in expressions(),
        bits in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mut next = bits.iter().cycle();
        let text = format!("{{ {} }}", write(&expression, &mut || *next.next().unwrap()));
        let plain = format!("{{{}}}", write(&expression, &mut || false));
        prop_assert!(same_meaning(&text, &plain), "{} {}", text, plain);
        prop_assert_eq!(json(&text).normalised(), expression.normalised());
    }
}
