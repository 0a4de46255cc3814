//! What no baseline makes: functions, repositories, access points, findings.
//!
//! Tools that look through an account ask for them, and stop or misjudge where they are refused. The lists are always
//! empty, so that an operation that changes something has no place here; once a service gets handlers of its own, its rows go.

use serde_json::{Map, Value, json};

use crate::sandbox::world::{Call, Reply};

/// Service key, operation, and the members of the answer that are empty lists.
const LISTS: &[(&str, &str, &[&str])] = &[
    ("ec2", "DescribeClientVpnEndpoints", &["ClientVpnEndpoints"]),
    // What is left out: the services that AWS itself offers in every region.
    ("ec2", "DescribeVpcEndpointServices", &["ServiceDetails", "ServiceNames"]),
    ("ecr", "DescribeRepositories", &["repositories"]),
    ("inspector2", "ListCoverage", &["coveredResources"]),
    ("inspector2", "ListFindings", &["findings"]),
    ("lambda", "ListEventSourceMappings", &["EventSourceMappings"]),
    ("lambda", "ListFunctions", &["Functions"]),
    ("lambda", "ListLayers", &["Layers"]),
    ("rds", "DescribeCertificates", &["Certificates"]),
    ("rds", "DescribeDBClusterSnapshots", &["DBClusterSnapshots"]),
    ("rds", "DescribeDBClusters", &["DBClusters"]),
    ("rds", "DescribeDBEngineVersions", &["DBEngineVersions"]),
    ("rds", "DescribeDBSnapshots", &["DBSnapshots"]),
    ("rds", "DescribeEventSubscriptions", &["EventSubscriptionsList"]),
    ("s3control", "ListAccessPoints", &["AccessPointList"]),
    ("s3control", "ListMultiRegionAccessPoints", &["AccessPoints"]),
];

/// Runs one call. `None` where the operation is no such list.
pub fn handle(call: &Call) -> Option<Reply> {
    if call.service == "ecr" && call.operation == "GetRegistryScanningConfiguration" {
        return Some(Ok(registry(call)));
    }
    let list = LISTS.iter().find(|(service, operation, _)| {
        *service == call.service.as_str() && *operation == call.operation.as_str()
    });
    let (_, _, members) = list?;
    let empty: Map<String, Value> = members.iter().map(|member| ((*member).to_owned(), json!([]))).collect();
    Some(Ok(Value::Object(empty)))
}

/// What every registry has until somebody changes it.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html>
fn registry(call: &Call) -> Value {
    json!({"registryId": call.account, "scanningConfiguration": {"scanType": "BASIC", "rules": []}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::services::lab::{Lab, MANAGEMENT};

    #[test]
    fn every_row_is_a_read_and_answers_as_its_model_says() {
        let mut lab = Lab::with_organization();
        for (service, operation, _) in LISTS {
            assert!(operation.starts_with("List") || operation.starts_with("Describe"), "{operation}");
            let input = if *service == "s3control" { json!({ "AccountId": MANAGEMENT }) } else { json!({}) };
            lab.ok(service, operation, input);
        }
        lab.ok("ecr", "GetRegistryScanningConfiguration", json!({}));
    }
}
