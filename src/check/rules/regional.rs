//! Rules about the settings and resources of one region.

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::organization::OrganizationAnalyzers;
use crate::check::sources::regional::{
    Analyzers, Database, Databases, EbsEncryption, FileSystems, Hub, Instance, Instances, Recorder,
    RotatingKeys,
};
use crate::check::verdict::Verdict;

fn instances(place: &Place<'_>, good: impl Fn(&Instance) -> bool, problem: &str) -> Result<Verdict, Unread> {
    let alive = place.get::<Instances>()?.0.iter().filter(|i| i.alive);
    Ok(Verdict::over(alive.map(|i| (i.id.clone(), (!good(i)).then(|| problem.to_string())))))
}

/// Keys that are written into an instance cannot be seen.
pub(super) fn instance_roles(place: &Place<'_>) -> Result<Verdict, Unread> {
    instances(place, |i| i.has_profile, "it has no instance profile")
}

pub(super) fn imds(place: &Place<'_>) -> Result<Verdict, Unread> {
    instances(place, |i| i.imds_v2, "it answers without a token (IMDSv1)")
}

pub(super) fn config(place: &Place<'_>) -> Result<Verdict, Unread> {
    let recorder = place.get::<Recorder>()?;
    let problem = if !recorder.exists {
        Some("there is no recorder")
    } else if !recorder.recording {
        Some("the recorder is stopped")
    } else if recorder.last_failed {
        Some("the last delivery failed")
    } else if !recorder.all_resources {
        Some("the recorder leaves resource types out")
    } else if !recorder.delivers {
        Some("there is no delivery channel")
    } else if !global_resources_anywhere(place)? {
        Some("no region of the account records IAM's resources")
    } else {
        None
    };
    Ok(Verdict::setting("configuration recorder", problem.map(ToString::to_string)))
}

/// A region whose recorder could not be read does not count as one that records them.
fn global_resources_anywhere(place: &Place<'_>) -> Result<bool, Unread> {
    let mut unread = None;
    for evidence in place.regions.values() {
        match evidence.get::<Recorder>() {
            Ok(recorder) if recorder.global_resources => return Ok(true),
            Ok(_) => {}
            Err(why) if why.absent_in.is_some() => {}
            Err(why) => unread = Some(why),
        }
    }
    unread.map_or(Ok(false), Err)
}

pub(super) fn key_rotation(place: &Place<'_>) -> Result<Verdict, Unread> {
    let keys = place.get::<RotatingKeys>()?.0.iter();
    let problem = |rotates: &bool| (!rotates).then(|| "it does not rotate".to_string());
    let judge = |rotates: &Result<bool, Unread>| rotates.as_ref().map(problem).map_err(Clone::clone);
    Verdict::over_read(keys.map(|(key, rotates)| (key.clone(), judge(rotates))))
}

pub(super) fn analyzer(place: &Place<'_>) -> Result<Verdict, Unread> {
    let name = "external access analyzer";
    let organization = place.get::<OrganizationAnalyzers>().and_then(|all| match all.0.get(place.region) {
        Some(found) => found.as_ref().map(|names| names.first()).map_err(Clone::clone),
        None => Ok(None),
    });
    if let Ok(Some(analyzer)) = organization {
        return Ok(Verdict::setting(name, None).met_by(format!("organization analyzer {analyzer}")));
    }
    if let Some(analyzer) = place.get::<Analyzers>()?.0.first() {
        return Ok(Verdict::setting(name, None).met_by(format!("analyzer {analyzer} of the account")));
    }
    organization.map(|_| Verdict::setting(name, Some("there is none".into())))
}

pub(super) fn ebs_encryption(place: &Place<'_>) -> Result<Verdict, Unread> {
    Ok(Verdict::holds("EBS encryption by default", place.get::<EbsEncryption>()?.0, "it is off"))
}

pub(super) fn security_hub(place: &Place<'_>) -> Result<Verdict, Unread> {
    Ok(Verdict::holds("Security Hub", place.get::<Hub>()?.0, "it is off"))
}

fn databases(place: &Place<'_>, good: impl Fn(&Database) -> bool, problem: &str) -> Result<Verdict, Unread> {
    let all = place.get::<Databases>()?.0.iter();
    Ok(Verdict::over(all.map(|d| (d.id.clone(), (!good(d)).then(|| problem.to_string())))))
}

pub(super) fn database_encryption(place: &Place<'_>) -> Result<Verdict, Unread> {
    databases(place, |d| d.encrypted, "its storage is not encrypted")
}

pub(super) fn database_upgrades(place: &Place<'_>) -> Result<Verdict, Unread> {
    databases(place, |d| d.minor_upgrades, "it takes no minor upgrades")
}

pub(super) fn database_public(place: &Place<'_>) -> Result<Verdict, Unread> {
    databases(place, |d| !d.public, "it is publicly accessible")
}

pub(super) fn database_multi_az(place: &Place<'_>) -> Result<Verdict, Unread> {
    databases(place, |d| d.multi_az, "it stands in one availability zone")
}

pub(super) fn file_systems(place: &Place<'_>) -> Result<Verdict, Unread> {
    let all = place.get::<FileSystems>()?.0.iter();
    let problem = |encrypted: bool| (!encrypted).then(|| "it is not encrypted".to_string());
    Ok(Verdict::over(all.map(|(id, encrypted)| (id.clone(), problem(*encrypted)))))
}
