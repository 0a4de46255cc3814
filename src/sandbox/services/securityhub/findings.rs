//! Findings that others send in, and the products that may.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Reply, World, cell};

use super::{access, hubs, standards};

/// Most findings of one request (API reference, BatchImportFindings).
const MOST: usize = 100;

/// BatchImportFindings. The findings are kept; nothing reads them but whoever inspects the world.
pub(super) fn import(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    let findings = call.input.get("Findings").and_then(Value::as_array).cloned().unwrap_or_default();
    if findings.is_empty() || findings.len() > MOST {
        return Err(access::invalid("Invalid parameter 'Findings': must have between 1 and 100 items"));
    }
    let text = |finding: &Value, member: &str| {
        finding.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let own =
        world.arn("securityhub", &call.region, &call.account, &format!("product/{}/default", call.account));
    let mut failed = Vec::new();
    let kept = world.securityhub.findings.entry(cell(&call.account, &call.region)).or_default();
    let count = findings.len();
    for finding in findings {
        let id = text(&finding, "Id");
        // Only the account's own default product is known here.
        if text(&finding, "ProductArn") == own {
            kept.insert(id, finding);
        } else {
            failed.push(json!({"Id": id, "ErrorCode": "InvalidInput", "ErrorMessage": "Invalid ProductArn"}));
        }
    }
    Ok(json!({"FailedCount": failed.len(), "SuccessCount": count - failed.len(), "FailedFindings": failed}))
}

fn product_subscription(world: &World, call: &Call, product: &str) -> String {
    world.arn("securityhub", &call.region, &call.account, &format!("product-subscription/{product}"))
}

pub(super) fn enable_product(world: &mut World, call: &Call) -> Reply {
    let hub = access::subscribed(world, call)?;
    let Some((_, product)) = call.required("ProductArn").split_once(":product/") else {
        return Err(access::invalid("Invalid parameter 'ProductArn'"));
    };
    if hub.products.contains(product) {
        return Err(access::conflict("Product subscription already exists"));
    }
    hubs::edit(world, call)?.products.insert(product.to_owned());
    Ok(json!({"ProductSubscriptionArn": product_subscription(world, call, product)}))
}

pub(super) fn disable_product(world: &mut World, call: &Call) -> Reply {
    let hub = access::subscribed(world, call)?;
    let asked = call.required("ProductSubscriptionArn");
    let found = hub.products.iter().find(|product| product_subscription(world, call, product) == asked);
    let product = found.cloned().ok_or_else(|| access::not_found("Product subscription not found"))?;
    hubs::edit(world, call)?.products.remove(&product);
    Ok(json!({}))
}

pub(super) fn list_products(world: &mut World, call: &Call) -> Reply {
    let hub = access::subscribed(world, call)?;
    let all: Vec<Value> =
        hub.products.iter().map(|product| json!(product_subscription(world, call, product))).collect();
    standards::page(world, call, "ProductSubscriptions", &all, 100)
}
