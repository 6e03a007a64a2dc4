import pytest

from hub.fhir.narrative import fault


@pytest.mark.parametrize(
    "div",
    [
        '<div xmlns="http://www.w3.org/1999/xhtml">张伟 <b class="x">b</b><br/><!-- note --></div>',
        '<div><table border="1"><tr><td style="color: red">1</td></tr></table></div>',
        '<div><a href="http://example.org/?a=1&amp;b=2">x</a><img src="#i" alt="a > b"/></div>',
        "<div>on = off, javascript: is a word</div>",
    ],
)
def test_formatting_is_taken(div: str) -> None:
    assert fault(div) is None


@pytest.mark.parametrize(
    "div",
    [
        "text",
        "<p>x</p>",
        "<!DOCTYPE html><div>x</div>",
        '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><div>&y;</div>',
        "<div><script>x</script></div>",
        "<div><SCRIPT>x</SCRIPT></div>",
        "<div><iframe src='x'/></div>",
        "<div><form/></div>",
        "<div><svg onload='x'/></div>",
        '<div><img src="x" onerror="x"/></div>',
        '<div><img alt="a>b" onerror="x"/></div>',
        "<div><img/onerror=x></div>",
        '<div><a href="javascript:x">x</a></div>',
        '<div><a href="java&#115;cript:x">x</a></div>',
        '<div><a href="java\tscript:x">x</a></div>',
        '<div><a href="data:text/html,x">x</a></div>',
        '<div><img src="x" alt="y</div>',
        "<div><![CDATA[x]]></div>",
        "<div><?php x ?></div>",
    ],
)
def test_what_acts_is_refused(div: str) -> None:
    assert fault(div)
