//! Which operation a request asks for, and the canned answers of the benchmark's reads, about as long as AWS's own.

use http::Response;
use minicbor::Encoder;
use serde_json::{Value, json};

/// Entries in the answers.
pub(crate) const FILTERS: usize = 15;
pub(crate) const ALARMS: usize = 15;
pub(crate) const ALIASES: usize = 12;
pub(crate) const TOPICS: usize = 5;
pub(crate) const SUMMARY: usize = 26;

/// The account whose credentials the benchmark begins with.
pub(crate) const MANAGEMENT: &str = "111122223333";

/// A request of AWS's, as far as the target looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Service of the signature, such as `monitoring`.
    pub(crate) service: String,
    /// Region of the signature.
    pub(crate) region: String,
    pub(crate) access_key: String,
    /// Operation; `METHOD /path` where the protocol does not name it.
    pub(crate) operation: String,
    pub(crate) protocol: Protocol,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    RestJson,
    Query,
    Ec2,
    RestXml,
    Cbor,
}

/// Reads a request; `None` where it is not signed.
pub(crate) fn asked(request: &http::Request<Vec<u8>>) -> Option<Asked> {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let (_, credential) = header("authorization")?.split_once("Credential=")?;
    let mut scope = credential.split(',').next()?.split('/');
    let access_key = scope.next()?.to_owned();
    let (region, service) = (scope.nth(1)?.to_owned(), scope.next()?.to_owned());
    let path = request.uri().path();
    let (protocol, operation) = if let Some(target) = header("x-amz-target") {
        (Protocol::Json, target.rsplit('.').next()?.to_owned())
    } else if let Some((_, operation)) = path.split_once("/operation/") {
        (Protocol::Cbor, operation.to_owned())
    } else if let Some(action) = form(request.body(), "Action") {
        (if service == "ec2" { Protocol::Ec2 } else { Protocol::Query }, action)
    } else {
        let protocol = if service == "s3" { Protocol::RestXml } else { Protocol::RestJson };
        // S3 names the operation in the query, such as `?policy`.
        let query = request.uri().query().filter(|_| service == "s3");
        let first =
            query.map_or(String::new(), |q| format!("?{}", q.split(['&', '=']).next().unwrap_or_default()));
        (protocol, format!("{} {path}{first}", request.method()))
    };
    Some(Asked { service, region, access_key, operation, protocol })
}

/// A field of a form body.
pub(crate) fn form(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let value = text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// AWS's words for "too many calls", as each protocol writes them.
pub(crate) fn throttled(protocol: Protocol) -> Response<Vec<u8>> {
    let message = "Rate exceeded";
    match protocol {
        Protocol::Json => written(
            400,
            "application/x-amz-json-1.1",
            &json!({"__type": "ThrottlingException", "message": message}).to_string(),
        ),
        Protocol::RestJson => {
            let body = json!({"__type": "TooManyRequestsException", "message": message}).to_string();
            let mut answer = written(429, "application/json", &body);
            let code = http::HeaderValue::from_static("TooManyRequestsException");
            answer.headers_mut().insert("x-amzn-errortype", code);
            answer
        }
        Protocol::Cbor => cbor(400, &json!({"__type": "ThrottlingException", "message": message})),
        Protocol::Query => written(
            400,
            "text/xml",
            &format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            ),
        ),
        Protocol::Ec2 => written(
            503,
            "text/xml",
            &format!(
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>{message}</Message></Error></Errors><RequestID>1</RequestID></Response>"
            ),
        ),
        Protocol::RestXml => written(
            503,
            "application/xml",
            &format!("<Error><Code>SlowDown</Code><Message>{message}</Message></Error>"),
        ),
    }
}

/// The answer to one of the benchmark's reads, or a loud 501.
pub(crate) fn canned(asked: &Asked, body: &[u8]) -> Response<Vec<u8>> {
    let Asked { operation, protocol, .. } = asked;
    match operation.as_str() {
        "GetCallerIdentity" => xml(
            operation,
            &format!(
                "<Arn>arn:aws:iam::{MANAGEMENT}:user/bench</Arn><UserId>AIDA1</UserId><Account>{MANAGEMENT}</Account>"
            ),
        ),
        "AssumeRole" => assumed(&form(body, "RoleArn").unwrap_or_default()),
        "GetAccountPasswordPolicy" => xml(operation, PASSWORD_POLICY),
        "GetAccountSummary" => xml(
            operation,
            &format!(
                "<SummaryMap>{}</SummaryMap>",
                repeat(SUMMARY, |n| format!("<entry><key>Key{n}</key><value>{n}</value></entry>"))
            ),
        ),
        "ListAccountAliases" => xml(
            operation,
            "<IsTruncated>false</IsTruncated><AccountAliases><member>example-workload</member></AccountAliases>",
        ),
        "ListTopics" => xml(
            operation,
            &format!(
                "<Topics>{}</Topics>",
                repeat(TOPICS, |n| format!(
                    "<member><TopicArn>arn:aws:sns:eu-west-1:111111111111:topic-{n}</TopicArn></member>"
                ))
            ),
        ),
        "GetEbsEncryptionByDefault" => {
            ec2(operation, "<ebsEncryptionByDefault>true</ebsEncryptionByDefault>")
        }
        "DescribeSecurityGroups" => ec2(operation, SECURITY_GROUP),
        "DescribeTrails" => json_answer(&trails()),
        "DescribeMetricFilters" => {
            json_answer(&json!({"metricFilters": (0..FILTERS).map(metric_filter).collect::<Vec<_>>()}))
        }
        "ListAliases" => {
            json_answer(&json!({"Truncated": false, "Aliases": (0..ALIASES).map(alias).collect::<Vec<_>>()}))
        }
        "DescribeAlarms" => cbor(200, &json!({"MetricAlarms": (0..ALARMS).map(alarm).collect::<Vec<_>>()})),
        "GET /detector" => json_answer(&json!({"detectorIds": ["12abc34d567e8fa901bc2d34e56789f0"]})),
        "POST /standards/get" => json_answer(&json!({"StandardsSubscriptions": [{
            "StandardsArn": "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0", "StandardsInput": {}, "StandardsStatus": "READY",
            "StandardsSubscriptionArn": "arn:aws:securityhub:eu-west-1:111111111111:subscription/cis-aws-foundations-benchmark/v/1.2.0"}]})),
        other => written(
            501,
            "text/plain",
            &format!("the load target has no answer to {} ({protocol:?}) {other}\n", asked.service),
        ),
    }
}

fn written(status: u16, kind: &'static str, body: &str) -> Response<Vec<u8>> {
    let mut answer = Response::new(body.as_bytes().to_vec());
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static(kind));
    answer
}

fn json_answer(value: &Value) -> Response<Vec<u8>> {
    written(200, "application/x-amz-json-1.1", &value.to_string())
}

fn xml(operation: &str, result: &str) -> Response<Vec<u8>> {
    let body = format!(
        "<{operation}Response><{operation}Result>{result}</{operation}Result><ResponseMetadata><RequestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</RequestId></ResponseMetadata></{operation}Response>"
    );
    written(200, "text/xml", &body)
}

fn ec2(operation: &str, result: &str) -> Response<Vec<u8>> {
    let body = format!(
        "<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>{result}</{operation}Response>"
    );
    written(200, "text/xml", &body)
}

fn cbor(status: u16, value: &Value) -> Response<Vec<u8>> {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail.
    let _ = encode(&mut Encoder::new(&mut bytes), value);
    let mut answer = written(status, "application/cbor", "");
    answer.headers_mut().insert("smithy-protocol", http::HeaderValue::from_static("rpc-v2-cbor"));
    *answer.body_mut() = bytes;
    answer
}

type Encoded = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn encode(to: &mut Encoder<&mut Vec<u8>>, value: &Value) -> Encoded {
    match value {
        Value::Null => to.null().map(drop),
        Value::Bool(b) => to.bool(*b).map(drop),
        Value::Number(n) => match n.as_i64() {
            Some(n) => to.i64(n).map(drop),
            None => to.f64(n.as_f64().unwrap_or_default()).map(drop),
        },
        Value::String(text) => to.str(text).map(drop),
        Value::Array(items) => {
            to.array(items.len() as u64)?;
            items.iter().try_for_each(|item| encode(to, item))
        }
        Value::Object(fields) => {
            to.map(fields.len() as u64)?;
            fields.iter().try_for_each(|(name, field)| {
                to.str(name)?;
                encode(to, field)
            })
        }
    }
}

fn repeat(count: usize, entry: impl Fn(usize) -> String) -> String {
    (0..count).map(entry).collect()
}

/// Credentials whose key holds the account of the role.
fn assumed(role: &str) -> Response<Vec<u8>> {
    let account = role.split(':').nth(4).unwrap_or(MANAGEMENT);
    xml(
        "AssumeRole",
        &format!(
            "<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/OrganizationAccountAccessRole/bench</Arn><AssumedRoleId>AROA1:bench</AssumedRoleId></AssumedRoleUser>\
             <Credentials><AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey>\
             <SessionToken>{}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>",
            "IQoJb3JpZ2luX2VjE".repeat(40)
        ),
    )
}

fn trails() -> Value {
    json!({"trailList": [{
        "Name": "org-trail", "S3BucketName": "orgbase-cloudtrail-222222222222", "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": true, "HomeRegion": "eu-west-1", "LogFileValidationEnabled": true, "IsOrganizationTrail": true,
        "TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/org-trail", "HasCustomEventSelectors": true,
        "CloudWatchLogsLogGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:orgbase-cloudtrail:*",
        "CloudWatchLogsRoleArn": "arn:aws:iam::111122223333:role/orgbase-cloudtrail", "HasInsightSelectors": false,
        "KmsKeyId": "arn:aws:kms:eu-west-1:222222222222:key/1234abcd-12ab-34cd-56ef-1234567890ab"}]})
}

fn metric_filter(n: usize) -> Value {
    json!({
        "filterName": format!("orgbase-filter-{n}"), "logGroupName": "orgbase-cloudtrail", "creationTime": 1_767_225_600_000_i64,
        "filterPattern": "{($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion))}",
        "metricTransformations": [{"metricName": format!("metric-{n}"), "metricNamespace": "orgbase", "metricValue": "1"}]})
}

fn alias(n: usize) -> Value {
    json!({
        "AliasName": format!("alias/key-{n}"), "AliasArn": format!("arn:aws:kms:eu-west-1:111111111111:alias/key-{n}"),
        "TargetKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "CreationDate": 1_767_225_600.123, "LastUpdatedDate": 1_767_225_600.123})
}

fn alarm(n: usize) -> Value {
    json!({
        "AlarmName": format!("orgbase-alarm-{n}"), "AlarmArn": format!("arn:aws:cloudwatch:eu-west-1:111111111111:alarm:orgbase-alarm-{n}"),
        "AlarmDescription": "Disabling or scheduled deletion of customer created keys", "ActionsEnabled": true, "OKActions": [],
        "AlarmActions": ["arn:aws:sns:eu-west-1:111111111111:orgbase-alarms"], "InsufficientDataActions": [], "StateValue": "OK",
        "StateReason": "Threshold Crossed: no datapoints were received for 1 period", "MetricName": format!("metric-{n}"),
        "Namespace": "orgbase", "Statistic": "Sum", "Dimensions": [], "Period": 300, "EvaluationPeriods": 1, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching"})
}

const PASSWORD_POLICY: &str = "<PasswordPolicy><MinimumPasswordLength>14</MinimumPasswordLength><RequireSymbols>true</RequireSymbols>\
<RequireNumbers>true</RequireNumbers><RequireUppercaseCharacters>true</RequireUppercaseCharacters>\
<RequireLowercaseCharacters>true</RequireLowercaseCharacters><AllowUsersToChangePassword>true</AllowUsersToChangePassword>\
<ExpirePasswords>true</ExpirePasswords><MaxPasswordAge>90</MaxPasswordAge><PasswordReusePrevention>24</PasswordReusePrevention></PasswordPolicy>";

const SECURITY_GROUP: &str = "<securityGroupInfo><item><ownerId>111111111111</ownerId><groupId>sg-1a2b3c4d</groupId>\
<groupName>default</groupName><groupDescription>default VPC security group</groupDescription><vpcId>vpc-1a2b3c4d</vpcId>\
<ipPermissions><item><ipProtocol>-1</ipProtocol><groups><item><userId>111111111111</userId><groupId>sg-1a2b3c4d</groupId></item></groups>\
<ipRanges/><ipv6Ranges/><prefixListIds/></item></ipPermissions><ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><groups/>\
<ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges/><prefixListIds/></item></ipPermissionsEgress></item></securityGroupInfo>";
