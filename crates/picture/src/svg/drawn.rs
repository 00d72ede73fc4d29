//! What tests ask of a picture: that a strict reader takes it, and that everything in it has a place.

/// What a picture may be made of.
const ELEMENTS: [&str; 10] = ["svg", "style", "defs", "pattern", "title", "g", "rect", "text", "path", "circle"];
/// Attributes that are one length.
const LENGTHS: [&str; 11] = ["x", "y", "width", "height", "x1", "y1", "x2", "y2", "rx", "cx", "cy"];
/// Attributes that hold lengths among other things.
const SHAPES: [&str; 3] = ["d", "transform", "viewBox"];

/// Says what is wrong with a picture, if anything is.
pub(super) fn check(svg: &str) -> Result<(), String> {
    let document = roxmltree::Document::parse(svg).map_err(|error| error.to_string())?;
    for element in document.descendants().filter(roxmltree::Node::is_element) {
        let name = element.tag_name().name();
        if !ELEMENTS.contains(&name) {
            return Err(format!("an element <{name}>"));
        }
        for attribute in element.attributes() {
            let (attribute, value) = (attribute.name(), attribute.value());
            let is_length = !LENGTHS.contains(&attribute) || value.parse::<f64>().is_ok_and(f64::is_finite);
            let is_shape = !SHAPES.contains(&attribute) || !(value.contains("NaN") || value.contains("inf"));
            if !(is_length && is_shape) {
                return Err(format!("<{name} {attribute}={value:?}>"));
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_no_picture_is_told() {
    let told = |inside: &str| check(&format!(r#"<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>"#));
    assert_eq!(told(r#"<text x="1.5">NaN &lt;script&gt;</text><path d="M1 2"/>"#), Ok(()));
    assert_eq!(told("<script>1</script>"), Err("an element <script>".to_owned()));
    assert_eq!(told(r#"<text x="NaN"/>"#), Err(r#"<text x="NaN">"#.to_owned()));
    assert_eq!(told(r#"<path d="M1 inf"/>"#), Err(r#"<path d="M1 inf">"#.to_owned()));
    assert!(told("<text>").is_err() && told("<text>\u{1b}</text>").is_err() && told("<text>\u{ffff}</text>").is_err());
}
