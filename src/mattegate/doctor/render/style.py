"""How the page and the picture look: one palette for light, dark and paper, each with enough contrast."""

from __future__ import annotations

from typing import Final

PAGE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--ground:#fff;--card:#f6f8fa;--edge:#d0d7de;
  --code:#eaeef2;--fault:#cf222e;--clean:#1a7f37;--undecided:#9a6700}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--ground:#0d1117;--card:#161b22;
  --edge:#30363d;--code:#262c36;--fault:#ff7b72;--clean:#3fb950;--undecided:#e3b341}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
  font:16px/1.55 system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif}
main{max-width:58rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.6rem;line-height:1.3;margin:.2rem 0 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .7rem;padding-bottom:.3rem;border-bottom:1px solid var(--edge)}
h3{font-size:1.05rem;margin:0 0 .6rem;overflow-wrap:anywhere}
h4{font-size:.9rem;margin:1rem 0 .3rem;color:var(--soft)}
p{margin:.3rem 0;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,"DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace;font-size:.875em;
  direction:ltr;unicode-bidi:isolate}
code{background:var(--code);border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}
pre{background:var(--code);border-radius:6px;padding:.7rem .9rem;margin:.3rem 0;white-space:pre-wrap;
  overflow-wrap:anywhere;user-select:all}
pre code{padding:0;background:none;font-size:inherit}
ul{margin:.3rem 0;padding-left:1.3rem}li{margin:.2rem 0;overflow-wrap:anywhere;unicode-bidi:isolate}
.name{color:var(--soft);margin:0;font-size:.9rem}
.top{border-left:6px solid var(--state);padding:.2rem 0 .2rem 1rem}
.top strong{color:var(--state)}
.fault{--state:var(--fault)}.clean{--state:var(--clean)}.undecided{--state:var(--undecided)}
.card{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:1rem 1.2rem;
  margin:.8rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;min-width:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;min-width:38rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--edge);
  overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600}
.more{color:var(--soft)}
svg.way{max-width:100%;height:auto;display:block}
@media(max-width:34rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}main{padding:1.2rem .9rem 3rem}}
@media print{:root,.way{--ink:#000!important;--soft:#444!important;--ground:#fff!important;
  --card:#fff!important;--code:#f2f2f2!important;--edge:#bbb!important;--rail:#777!important;
  --sign:#fff!important;--fault:#b3131f!important;--pass:#1a7f37!important;--clean:#1a7f37!important;
  --unsure:#8a5a00!important;--undecided:#8a5a00!important}body{font-size:11pt}main{max-width:none;
  padding:0}.card,svg,tr{break-inside:avoid}h2,h3,h4{break-after:avoid}}
"""

WAY: Final = """
.way{--ink:#1b1f24;--soft:#57606a;--rail:#8c959f;--ground:#fff;--pass:#1a7f37;--fault:#cf222e;
  --unsure:#9a6700;--sign:#fff}
@media(prefers-color-scheme:dark){.way{--ink:#e6edf3;--soft:#9da7b3;--rail:#6e7681;--ground:#0d1117;
  --pass:#3fb950;--fault:#ff7b72;--unsure:#e3b341;--sign:#0d1117}}
.way text{font-family:system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif;fill:var(--ink)}
.way .name{font-size:16px;font-weight:600}
.way .about{font-size:13px;fill:var(--soft)}
.way .line{font-size:12.5px;font-family:ui-monospace,"DejaVu Sans Mono",monospace}
.way .rail{stroke:var(--rail);stroke-width:3}
.way .rail.lost{stroke-dasharray:2 7;stroke-linecap:round}
.way .unseen .name{font-weight:400;fill:var(--soft)}
.way .form{stroke-width:2.5}
.way .sends .form{fill:var(--ink);stroke:var(--ink)}
.way .passed .form{fill:var(--pass);stroke:var(--pass)}
.way .at-fault .form{fill:var(--fault);stroke:var(--fault)}
.way .at-fault .name,.way .at-fault .line{fill:var(--fault)}
.way .unsure .form{fill:var(--unsure);stroke:var(--unsure)}
.way .unsure .name,.way .unsure .line{fill:var(--unsure)}
.way .unseen .form{fill:var(--ground);stroke:var(--rail)}
.way .sign{stroke:var(--sign);stroke-width:3;fill:none;stroke-linecap:round;stroke-linejoin:round}
.way .ground{fill:var(--ground)}
.way .asks{fill:var(--sign);font-weight:700;font-size:16px;text-anchor:middle}
"""
