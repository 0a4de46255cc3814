//! Names of generated organizational units and accounts.

const TREE: [&str; 11] = [
    "/Security",
    "/Workloads",
    "/Workloads/Production",
    "/Workloads/Staging",
    "/Infrastructure",
    "/Sandbox",
    "/Suspended",
    "/Workloads/Development",
    "/Deployments",
    "/Exceptions",
    "/Policy Staging",
];
const DIVISIONS: [&str; 8] =
    ["Retail", "Payments", "Logistics", "Media", "Research", "Insurance", "Mobile", "Partners"];
const STAGES: [&str; 4] = ["", "/Production", "/Staging", "/Development"];
const PRODUCTS: [&str; 20] = [
    "web",
    "search",
    "billing",
    "checkout",
    "catalog",
    "identity",
    "data-lake",
    "reporting",
    "network",
    "shared-services",
    "inventory",
    "orders",
    "messaging",
    "streaming",
    "fraud",
    "pricing",
    "support",
    "mobile-api",
    "analytics",
    "backup",
];
const ENVIRONMENTS: [&str; 4] = ["production", "staging", "development", "sandbox"];

/// The first `count` OU paths, parents first: a usual tree, then one branch per division with the same three names
/// under each (names repeat under different parents, as they do in real organizations).
pub(super) fn units(count: usize) -> Vec<String> {
    let divisions = (0..).flat_map(|number: usize| {
        let name = DIVISIONS.get(number % DIVISIONS.len()).copied().unwrap_or_default();
        let round = number / DIVISIONS.len();
        let branch = if round == 0 { format!("/{name}") } else { format!("/{name} {}", round + 1) };
        STAGES.iter().map(move |stage| format!("{branch}{stage}"))
    });
    TREE.iter().map(ToString::to_string).chain(divisions).take(count).collect()
}

/// Whether generated accounts are put into this OU.
pub(super) fn holds_accounts(path: &str) -> bool {
    !matches!(path, "/Security" | "/Suspended" | "/Policy Staging" | "/Workloads")
}

/// The name of account `number`: `web-production`, ..., `web-production-2`, ...
pub(super) fn account(number: usize) -> String {
    let product = PRODUCTS.get(number / ENVIRONMENTS.len() % PRODUCTS.len()).copied().unwrap_or_default();
    let environment = ENVIRONMENTS.get(number % ENVIRONMENTS.len()).copied().unwrap_or_default();
    match number / (ENVIRONMENTS.len() * PRODUCTS.len()) {
        0 => format!("{product}-{environment}"),
        round => format!("{product}-{environment}-{}", round + 1),
    }
}
