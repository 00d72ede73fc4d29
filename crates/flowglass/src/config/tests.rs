//! What counts more, what is wrong and where, and what comes of it.

use flowglass_model::AttributeValue;
use flowglass_otlp::Protocol;

use super::*;

fn sources(file: &str, variables: &[(&str, &str)]) -> Sources {
    Sources {
        folder: "/here".into(),
        user_file: None,
        file: Some(SourceFile { path: "/project/flowglass.toml".into(), text: file.to_owned() }),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

fn config(file: &str, variables: &[(&str, &str)]) -> Config {
    Config::from_sources(&sources(file, variables)).unwrap_or_else(|error| panic!("{error}"))
}

fn told(config: &Config, name: &str) -> (String, String) {
    let setting = config.setting(name).unwrap();
    (setting.value.map_or_else(String::new, |value| value.to_string()), setting.origin.to_string())
}

fn wrong(file: &str, variables: &[(&str, &str)]) -> String {
    Config::from_sources(&sources(file, variables)).unwrap_err().to_string()
}

#[test]
fn what_is_nearer_counts_more() {
    let mut all = sources(
        "preset = 'production'\n[recording]\nbuffer_size = 7\n[limits]\nevents = 4\n",
        &[("FLOWGLASS_LIMITS_LINKS", "3"), ("OTEL_SPAN_LINK_COUNT_LIMIT", "9"), ("OTEL_SPAN_EVENT_COUNT_LIMIT", "5")],
    );
    let text = "[sampling]\nrate = 0.7\n\n[recording]\nbuffer_size = 8\n".to_owned();
    all.user_file = Some(SourceFile { path: "/home/flowglass.toml".into(), text });
    let config = Config::from_sources(&all).unwrap();
    let is = |name: &str, value: &str, origin: &str| assert_eq!(told(&config, name), (value.to_owned(), origin.to_owned()));
    is("limits.attributes", "128", "default");
    is("recording.interval", "30s", "preset production");
    is("sampling.rate", "0.7", "/home/flowglass.toml:2");
    is("recording.buffer_size", "7", "/project/flowglass.toml:3");
    is("limits.events", "5", "OTEL_SPAN_EVENT_COUNT_LIMIT");
    is("limits.links", "3", "FLOWGLASS_LIMITS_LINKS");
    let config = config.set("limits.links", "1").unwrap();
    assert_eq!(told(&config, "limits.links"), ("1".to_owned(), "program".to_owned()));
    assert_eq!((config.limits().events, config.limits().links), (5, 1));
    assert_eq!(config.files(), [PathBuf::from("/home/flowglass.toml"), PathBuf::from("/project/flowglass.toml")]);
}

#[test]
fn each_mistake_is_told_with_its_line_and_what_would_be_right() {
    let text = "[sampling]\nrate = 1.5\nraet = 1\n\n[smapling]\nrate = 1\n[limits]\nevents = 'many'\n[store]\nmax_age = true\n";
    let message = wrong(text, &[("FLOWGLASS_LIMITS_LINKS", "-1"), ("FLOWGLASS_TOKEN", "")]);
    let lines: Vec<&str> = message.lines().collect();
    let has = |part: &str| assert!(lines.iter().any(|line| line.contains(part)), "{part} in\n{message}");
    has("/project/flowglass.toml:2: `sampling.rate` must be a number from 0 to 1, not 1.5");
    has("/project/flowglass.toml:3: there is no key `sampling.raet`; did you mean `sampling.rate`?");
    has("/project/flowglass.toml:5: there is no key `smapling`; did you mean `sampling`?");
    has("/project/flowglass.toml:8: `limits.events` must be a whole number, not 'many'");
    has("/project/flowglass.toml:10: `store.max_age` must be a time like `250ms`, `5s` or `30d`, not true");
    has("FLOWGLASS_LIMITS_LINKS: it must be a whole number, not `-1`");
    assert_eq!(lines.len(), 6, "{message}");
    assert!(wrong("[sampling\nrate = 1", &[]).starts_with("/project/flowglass.toml:1: "));
    assert!(wrong("[capture]\nvalues = 'prevews'", &[]).contains("one of `full`, `previews`, `types`, `off`"));
    assert!(
        wrong("[capture]\nredact_values = ['(']", &[]).contains("flowglass.toml:2: `capture.redact_values`: `(` is no regular")
    );
    assert!(wrong("[sampling]\nmap_items = 'some'", &[]).contains("neither `auto`, `each` nor `off`"));
    assert!(wrong("[export]\nwhere = 'x'", &[]).contains("`export` has `to`, `endpoint`"));
    let secret = wrong("[serve]\ntoken = { a = 'hunter2' }", &[]);
    assert!(secret.contains("serve.token") && !secret.contains("hunter2"), "{secret}");
    let unknown = Config::new().set("sampling.raet", "1").unwrap_err().to_string();
    assert!(unknown.contains("did you mean `sampling.rate`"), "{unknown}");
    assert!(Config::new().preset("prodution").unwrap_err().to_string().contains("did you mean `production`"));
}

#[test]
fn strange_variables_are_left_out_with_a_warning() {
    let config = config(
        "",
        &[
            ("FLOWGLASS_SAMPLNG_RATE", "1"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("FLOWGLASS_CONFIG", "off"),
        ],
    );
    let warnings = config.warnings().join("\n");
    assert!(warnings.contains("FLOWGLASS_SAMPLNG_RATE is no variable of Flowglass; did you mean `FLOWGLASS_SAMPLING_RATE`?"));
    assert!(warnings.contains("OTEL_BSP_SCHEDULE_DELAY means nothing, not `soon`") && warnings.contains("OTEL_TRACES_SAMPLER"));
    assert_eq!(config.warnings().len(), 3, "{warnings}");
}

#[test]
fn the_standard_variables_mean_what_they_mean_elsewhere() {
    let config = config(
        "",
        &[
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            ("OTEL_BSP_SCHEDULE_DELAY", "1500"),
            ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "64"),
            ("OTEL_SERVICE_NAME", "words"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test%20lab"),
        ],
    );
    assert_eq!(told(&config, "sampling.rate").0, "0.25");
    assert_eq!(told(&config, "recording.interval").0, "1.5s");
    assert_eq!(config.limits().value_bytes, 64);
    let resource = config.resource();
    let find = |key: &str| resource.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    assert_eq!(find("service.name"), Some("words".into()));
    assert_eq!(find("deployment.environment"), Some(AttributeValue::from("test lab")));
    assert!(!Config::from_sources(&sources("", &[("OTEL_SDK_DISABLED", "TRUE")])).unwrap().is_enabled());
    let never = Config::from_sources(&sources("", &[("OTEL_TRACES_SAMPLER", "always_off")])).unwrap();
    assert_eq!(told(&never, "sampling.rate").0, "0");
}

#[test]
fn a_table_of_attributes_may_have_tables_inside() {
    let config = config(
        "[resource.attributes]\ndeployment.environment = 'a,b'\n'team' = 7\n[sampling.pipelines]\n'nightly*' = 1\n",
        &[],
    );
    let resource = config.resource();
    assert!(resource.attributes.contains(&("deployment.environment".into(), "a,b".into())));
    assert!(resource.attributes.contains(&("team".into(), "7".into())));
    assert_eq!(config.sampling(), flowglass_record::Sampling::all().pipeline("nightly*", 1.0));
}

#[test]
fn places_of_a_file_are_relative_to_it() {
    let config_of = |file: &str, variables: &[(&str, &str)]| config(file, variables).store_place();
    assert_eq!(config_of("[store]\naddress = 'runs.db'", &[]), StorePlace::At("/project/runs.db".into()));
    assert_eq!(config_of("store = 'sqlite:a/runs.db'", &[]), StorePlace::At("sqlite:/project/a/runs.db".into()));
    assert_eq!(config_of("store = 'postgres://host/runs'", &[]), StorePlace::At("postgres://host/runs".into()));
    assert_eq!(config_of("store = 'off'", &[]), StorePlace::Off);
    assert_eq!(config_of("store = 'memory:'", &[]), StorePlace::Memory);
    assert_eq!(config_of("", &[("FLOWGLASS_STORE", "runs.db")]), StorePlace::At("/here/runs.db".into()));
    assert_eq!(config_of("", &[]), StorePlace::At("/here/.flowglass/flowglass.db".into()));
}

#[test]
fn destinations_come_from_files_and_from_both_kinds_of_variables() {
    let receivers = |file: &str, variables: &[(&str, &str)]| -> Vec<String> {
        let (destinations, _) = config(file, variables).destinations().unwrap();
        let url = |to: Destination| match to {
            Destination::Receiver { options, .. } => options.traces.map(|traces| traces.url).unwrap_or_default(),
            Destination::File(path) => path.display().to_string(),
            Destination::Console => "console".to_owned(),
        };
        destinations.into_iter().map(url).collect()
    };
    let none: [String; 0] = [];
    assert_eq!(receivers("", &[]), none);
    assert_eq!(receivers("[export]\nendpoint = 'http://file:4318'", &[]), ["http://file:4318/v1/traces"]);
    let standard = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://standard:4318")];
    assert_eq!(receivers("[export]\nendpoint = 'http://file:4318'", &standard), ["http://standard:4318/v1/traces"]);
    assert_eq!(receivers("export = 'none'", &standard), none, "`none` keeps all in this process");
    let own = [("FLOWGLASS_EXPORT_ENDPOINT", "http://own:4318"), standard[0]];
    assert_eq!(receivers("", &own), ["http://own:4318/v1/traces"]);
    let several = "export = ['http://a:4318', 'file:sent.jsonl', 'console']";
    assert_eq!(receivers(several, &[]), ["http://a:4318/v1/traces", "/here/sent.jsonl", "console"]);
    let wrong = config("export = 'logfire'", &[]).destinations().unwrap_err();
    assert!(wrong.to_string().contains("LOGFIRE_TOKEN"), "{wrong}");
}

#[test]
fn how_it_is_sent_comes_from_files_too() {
    let text = "[export]\nto = ['http://a:4318']\nprotocol = 'http/json'\ntimeout = '2s'\nheaders = { api-key = 'a b,c=%' }\n";
    let (destinations, _) = config(text, &[]).destinations().unwrap();
    let [Destination::Receiver { options, .. }] = &destinations[..] else { panic!("{destinations:?}") };
    let traces = options.traces.as_ref().unwrap();
    assert_eq!((traces.protocol, traces.timeout), (Protocol::HttpJson, std::time::Duration::from_secs(2)));
    assert_eq!(traces.headers, [("api-key".to_owned(), "a b,c=%".to_owned())]);
}

#[test]
fn a_configuration_becomes_a_recorder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let file = folder.path().join("sent.jsonl");
    let logs = folder.path().join("lines.log");
    let config = Config::new().sqlite(&path).otlp(&format!("file:{}", file.display()));
    let config = config.set("capture.redact_values", "CUST-\\d+").unwrap().set("logs.format", "json").unwrap();
    let config = config.set("logs.file", &logs.display().to_string()).unwrap().set("store.keep_last", "5").unwrap();
    let recorder = config.recorder().unwrap();
    recorder.root_span("root").attr("note", "of CUST-17");
    recorder.log(flowglass_model::Severity::WARN, "about CUST-17", &[]);
    recorder.shutdown(std::time::Duration::from_secs(30)).unwrap();
    for kept in [&file, &logs] {
        let text = std::fs::read_to_string(kept).unwrap();
        assert!(text.contains("[redacted]") && !text.contains("CUST-17"), "{text}");
    }
    assert!(path.is_file());
    assert!(Config::new().off().recorder().unwrap().is_off());
    assert!(Config::new().memory().no_export().recorder().unwrap().is_enabled());
}

#[test]
fn kinds_of_records_are_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sent.jsonl");
    let config = Config::new().memory().otlp(&format!("file:{}", file.display()));
    let config = config.set("recording.events", "false").unwrap().set("recording.logs", "off").unwrap();
    let recorder = config.recorder().unwrap();
    recorder.root_span("root").event("happened", &[]);
    recorder.log(flowglass_model::Severity::WARN, "said", &[]);
    recorder.shutdown(std::time::Duration::from_secs(30)).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("root") && !text.contains("happened") && !text.contains("said"), "{text}");
}

#[test]
fn the_guide_names_every_key_and_only_keys() {
    let page = include_str!("../guide/configuration.md");
    for key in KEYS {
        assert!(page.contains(&format!("| `{}` |", key.name)), "the guide doesn't name {}", key.name);
        key.standard.iter().for_each(|name| assert!(page.contains(name), "the guide doesn't name {name}"));
    }
    let (_, elsewhere) = page.split_once("## Parameters elsewhere").unwrap();
    let (elsewhere, _) = elsewhere.split_once("\n## ").unwrap();
    let rows: Vec<&str> = elsewhere.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() >= 25, "{} rows", rows.len());
    for row in rows {
        let here = row.split('|').nth(2).unwrap();
        let named: Vec<&str> = here.split('`').skip(1).step_by(2).collect();
        let is_known = |name: &&str| key(name).is_some() || KEYS.iter().any(|key| key.name.starts_with(&format!("{name}.")));
        assert!(!named.is_empty() && named.iter().all(|name| is_known(name) || name.contains("()")), "{row}");
    }
}
