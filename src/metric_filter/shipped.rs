//! The metric filters that are shipped: CIS 3.1-3.14 of version 1.2, and the changes of AWS Organizations.
//!
//! The patterns satisfy Prowler and Steampipe, and equal Security Hub's text but for `unauthorized-api-calls` and
//! `security-group-changes` (sources and remarks: `facts/metric-filters.toml` of the design).

/// A shipped metric filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The key by which a baseline names it.
    pub key: &'static str,
    /// Name of the metric, and of the filter.
    pub metric_name: &'static str,
    /// The filter pattern.
    pub pattern: &'static str,
    /// Rule of the CIS AWS Foundations Benchmark, as (version, rule), oldest version first.
    pub cis: &'static [(&'static str, &'static str)],
}

/// All shipped filters, in the order of the benchmark.
pub fn all() -> &'static [Filter] {
    FILTERS
}

/// A shipped filter by its key.
pub fn get(key: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.key == key)
}

static FILTERS: &[Filter] = &[
    Filter {
        key: "unauthorized-api-calls",
        metric_name: "UnauthorizedAPICalls",
        pattern: r#"{ (($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*")) && (($.sourceIPAddress != "delivery.logs.amazonaws.com") && ($.eventName != "HeadBucket")) }"#,
        cis: &[
            ("1.2.0", "3.1"),
            ("1.4.0", "4.1"),
            ("3.0.0", "4.1"),
            ("5.0.0", "4.1"),
            ("6.0.0", "5.1"),
            ("7.0.0", "5.1"),
        ],
    },
    Filter {
        key: "console-signin-without-mfa",
        metric_name: "ConsoleSigninWithoutMFA",
        pattern: r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }"#,
        cis: &[
            ("1.2.0", "3.2"),
            ("1.4.0", "4.2"),
            ("3.0.0", "4.2"),
            ("5.0.0", "4.2"),
            ("6.0.0", "5.2"),
            ("7.0.0", "5.2"),
        ],
    },
    Filter {
        key: "root-usage",
        metric_name: "RootUsage",
        pattern: r#"{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}"#,
        cis: &[
            ("1.2.0", "3.3"),
            ("1.4.0", "4.3"),
            ("3.0.0", "4.3"),
            ("5.0.0", "4.3"),
            ("6.0.0", "5.3"),
            ("7.0.0", "5.3"),
        ],
    },
    Filter {
        key: "iam-policy-changes",
        metric_name: "IAMPolicyChanges",
        pattern: "{($.eventSource=iam.amazonaws.com) && (($.eventName=DeleteGroupPolicy) || ($.eventName=DeleteRolePolicy) || ($.eventName=DeleteUserPolicy) || ($.eventName=PutGroupPolicy) || ($.eventName=PutRolePolicy) || ($.eventName=PutUserPolicy) || ($.eventName=CreatePolicy) || ($.eventName=DeletePolicy) || ($.eventName=CreatePolicyVersion) || ($.eventName=DeletePolicyVersion) || ($.eventName=AttachRolePolicy) || ($.eventName=DetachRolePolicy) || ($.eventName=AttachUserPolicy) || ($.eventName=DetachUserPolicy) || ($.eventName=AttachGroupPolicy) || ($.eventName=DetachGroupPolicy))}",
        cis: &[
            ("1.2.0", "3.4"),
            ("1.4.0", "4.4"),
            ("3.0.0", "4.4"),
            ("5.0.0", "4.4"),
            ("6.0.0", "5.4"),
            ("7.0.0", "5.4"),
        ],
    },
    Filter {
        key: "cloudtrail-changes",
        metric_name: "CloudTrailChanges",
        pattern: "{($.eventName=CreateTrail) || ($.eventName=UpdateTrail) || ($.eventName=DeleteTrail) || ($.eventName=StartLogging) || ($.eventName=StopLogging)}",
        cis: &[
            ("1.2.0", "3.5"),
            ("1.4.0", "4.5"),
            ("3.0.0", "4.5"),
            ("5.0.0", "4.5"),
            ("6.0.0", "5.5"),
            ("7.0.0", "5.5"),
        ],
    },
    Filter {
        key: "console-auth-failures",
        metric_name: "ConsoleSigninFailures",
        pattern: r#"{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}"#,
        cis: &[
            ("1.2.0", "3.6"),
            ("1.4.0", "4.6"),
            ("3.0.0", "4.6"),
            ("5.0.0", "4.6"),
            ("6.0.0", "5.6"),
            ("7.0.0", "5.6"),
        ],
    },
    Filter {
        key: "kms-cmk-disable-or-delete",
        metric_name: "DisableOrDeleteCMK",
        pattern: "{($.eventSource=kms.amazonaws.com) && (($.eventName=DisableKey) || ($.eventName=ScheduleKeyDeletion))}",
        cis: &[
            ("1.2.0", "3.7"),
            ("1.4.0", "4.7"),
            ("3.0.0", "4.7"),
            ("5.0.0", "4.7"),
            ("6.0.0", "5.7"),
            ("7.0.0", "5.7"),
        ],
    },
    Filter {
        key: "s3-bucket-policy-changes",
        metric_name: "S3BucketPolicyChanges",
        pattern: "{($.eventSource=s3.amazonaws.com) && (($.eventName=PutBucketAcl) || ($.eventName=PutBucketPolicy) || ($.eventName=PutBucketCors) || ($.eventName=PutBucketLifecycle) || ($.eventName=PutBucketReplication) || ($.eventName=DeleteBucketPolicy) || ($.eventName=DeleteBucketCors) || ($.eventName=DeleteBucketLifecycle) || ($.eventName=DeleteBucketReplication))}",
        cis: &[
            ("1.2.0", "3.8"),
            ("1.4.0", "4.8"),
            ("3.0.0", "4.8"),
            ("5.0.0", "4.8"),
            ("6.0.0", "5.8"),
            ("7.0.0", "5.8"),
        ],
    },
    Filter {
        key: "config-changes",
        metric_name: "AWSConfigChanges",
        pattern: "{($.eventSource=config.amazonaws.com) && (($.eventName=StopConfigurationRecorder) || ($.eventName=DeleteDeliveryChannel) || ($.eventName=PutDeliveryChannel) || ($.eventName=PutConfigurationRecorder))}",
        cis: &[
            ("1.2.0", "3.9"),
            ("1.4.0", "4.9"),
            ("3.0.0", "4.9"),
            ("5.0.0", "4.9"),
            ("6.0.0", "5.9"),
            ("7.0.0", "5.9"),
        ],
    },
    Filter {
        key: "security-group-changes",
        metric_name: "SecurityGroupChanges",
        pattern: "{($.eventName=AuthorizeSecurityGroupIngress) || ($.eventName=AuthorizeSecurityGroupEgress) || ($.eventName=RevokeSecurityGroupIngress) || ($.eventName=RevokeSecurityGroupEgress) || ($.eventName=CreateSecurityGroup) || ($.eventName=DeleteSecurityGroup) || ($.eventName=ModifySecurityGroupRules)}",
        cis: &[
            ("1.2.0", "3.10"),
            ("1.4.0", "4.10"),
            ("3.0.0", "4.10"),
            ("5.0.0", "4.10"),
            ("6.0.0", "5.10"),
            ("7.0.0", "5.10"),
        ],
    },
    Filter {
        key: "nacl-changes",
        metric_name: "NetworkAclChanges",
        pattern: "{($.eventName=CreateNetworkAcl) || ($.eventName=CreateNetworkAclEntry) || ($.eventName=DeleteNetworkAcl) || ($.eventName=DeleteNetworkAclEntry) || ($.eventName=ReplaceNetworkAclEntry) || ($.eventName=ReplaceNetworkAclAssociation)}",
        cis: &[
            ("1.2.0", "3.11"),
            ("1.4.0", "4.11"),
            ("3.0.0", "4.11"),
            ("5.0.0", "4.11"),
            ("6.0.0", "5.11"),
            ("7.0.0", "5.11"),
        ],
    },
    Filter {
        key: "network-gateway-changes",
        metric_name: "NetworkGatewayChanges",
        pattern: "{($.eventName=CreateCustomerGateway) || ($.eventName=DeleteCustomerGateway) || ($.eventName=AttachInternetGateway) || ($.eventName=CreateInternetGateway) || ($.eventName=DeleteInternetGateway) || ($.eventName=DetachInternetGateway)}",
        cis: &[
            ("1.2.0", "3.12"),
            ("1.4.0", "4.12"),
            ("3.0.0", "4.12"),
            ("5.0.0", "4.12"),
            ("6.0.0", "5.12"),
            ("7.0.0", "5.12"),
        ],
    },
    Filter {
        key: "route-table-changes",
        metric_name: "RouteTableChanges",
        pattern: "{($.eventSource=ec2.amazonaws.com) && (($.eventName=CreateRoute) || ($.eventName=CreateRouteTable) || ($.eventName=ReplaceRoute) || ($.eventName=ReplaceRouteTableAssociation) || ($.eventName=DeleteRouteTable) || ($.eventName=DeleteRoute) || ($.eventName=DisassociateRouteTable))}",
        cis: &[
            ("1.2.0", "3.13"),
            ("1.4.0", "4.13"),
            ("3.0.0", "4.13"),
            ("5.0.0", "4.13"),
            ("6.0.0", "5.13"),
            ("7.0.0", "5.13"),
        ],
    },
    Filter {
        key: "vpc-changes",
        metric_name: "VpcChanges",
        pattern: "{($.eventName=CreateVpc) || ($.eventName=DeleteVpc) || ($.eventName=ModifyVpcAttribute) || ($.eventName=AcceptVpcPeeringConnection) || ($.eventName=CreateVpcPeeringConnection) || ($.eventName=DeleteVpcPeeringConnection) || ($.eventName=RejectVpcPeeringConnection) || ($.eventName=AttachClassicLinkVpc) || ($.eventName=DetachClassicLinkVpc) || ($.eventName=DisableVpcClassicLink) || ($.eventName=EnableVpcClassicLink)}",
        cis: &[
            ("1.2.0", "3.14"),
            ("1.4.0", "4.14"),
            ("3.0.0", "4.14"),
            ("5.0.0", "4.14"),
            ("6.0.0", "5.14"),
            ("7.0.0", "5.14"),
        ],
    },
    Filter {
        key: "organizations-changes",
        metric_name: "OrganizationsChanges",
        pattern: "{($.eventSource=organizations.amazonaws.com) && (($.eventName=AcceptHandshake) || ($.eventName=AttachPolicy) || ($.eventName=CreateAccount) || ($.eventName=CreateOrganizationalUnit) || ($.eventName=CreatePolicy) || ($.eventName=DeclineHandshake) || ($.eventName=DeleteOrganization) || ($.eventName=DeleteOrganizationalUnit) || ($.eventName=DeletePolicy) || ($.eventName=DetachPolicy) || ($.eventName=DisablePolicyType) || ($.eventName=EnablePolicyType) || ($.eventName=InviteAccountToOrganization) || ($.eventName=LeaveOrganization) || ($.eventName=MoveAccount) || ($.eventName=RemoveAccountFromOrganization) || ($.eventName=UpdatePolicy) || ($.eventName=UpdateOrganizationalUnit) || ($.eventName=CancelHandshake) || ($.eventName=CreateOrganization) || ($.eventName=EnableAllFeatures))}",
        cis: &[("1.4.0", "4.15"), ("3.0.0", "4.15"), ("5.0.0", "4.15"), ("6.0.0", "5.15"), ("7.0.0", "5.15")],
    },
];
