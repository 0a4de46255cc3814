&[
    // Asked only where a region refuses credentials that work elsewhere.
    ("account:GetRegionOptStatus", "the look-up of a region that refuses the account's credentials"),
    // Without them the answer is the same, later or with less beside it: `what_is_asked_beside_the_settings_is_not_missed`.
    ("cloudtrail:LookupEvents", "who changed what drifts; said to be unknown where it is refused"),
    ("config:DescribeConfigurationAggregatorSourcesStatus", "`--refresh central`; every place is read where it is refused"),
    ("config:SelectAggregateResourceConfig", "`--refresh central`; every place is read where it is refused"),
    // Paths that no snippet takes: `truth.rs` says why.
    ("cloudtrail:DeregisterOrganizationDelegatedAdmin", "more administrators than CloudTrail takes"),
    ("detective:DisableOrganizationAdminAccount", "Detective removes its administrator by itself"),
    ("securityhub:BatchDisableStandards", "standards that somebody enabled before"),
    ("securityhub:DisableOrganizationAdminAccount", "Security Hub removes its administrator by itself"),
    // What AWS's guides list for naming an administrator and for analyzers of the organization, and no call shows.
    ("organizations:DescribeOrganizationalUnit", "in GuardDuty's list for designating an administrator"),
    ("organizations:ListAccountsForParent", "in AWS's policy IAMAccessAnalyzerFullAccess"),
    ("organizations:ListChildren", "in AWS's policy IAMAccessAnalyzerFullAccess"),
]
