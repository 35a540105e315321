"""The words of a report in each language it can be told in: labels, names of layers, degrees of certainty.

Sentences about causes stand in the catalogue of causes; here is only what the report itself says around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mattegate.doctor.answer import Certainty, Layer


class Language(StrEnum):
    """What a report can be told in. What was read (evidence, lines, commands) stays as it was."""

    ENGLISH = "en"
    CHINESE = "zh"


Said = tuple[str, str]
"""English, Chinese."""


def pick(said: Said, language: Language) -> str:
    """The one of two that is wanted."""
    return said[language is Language.CHINESE]


def word(name: str, language: Language, **facts: object) -> str:
    """A label or sentence of the report, with its facts."""
    return pick(_LABELS[name], language).format(**facts)


_LABELS: Final[Mapping[str, Said]] = MappingProxyType(
    {
        # the verdict
        "fault": ("Fault found", "发现故障"),
        "clean": ("No fault found", "未发现故障"),
        "undecided": ("Not decided", "无法判定"),
        "refuses": (
            "nginx refuses it with {status}: {rule} ({place})",
            "nginx 以 {status} 拒绝了它：{rule}（{place}）",
        ),
        "refuses.unsaid": ("nginx refuses it: {rule} ({place})", "nginx 拒绝了它：{rule}（{place}）"),
        "located": ("{title} ({place})", "{title}（{place}）"),
        "proven": ("{title}", "{title}"),
        "likely": ("Probably: {title}", "很可能：{title}"),
        "possible": ("Perhaps: {title}", "可能：{title}"),
        "clean.all": ("Nothing here refuses these requests", "这里没有任何一处拒绝这些请求"),
        "clean.rises": ("Nothing is refused far more often than usual", "没有任何拒绝远多于平时"),
        "clean.settings": ("Nothing is wrong with these settings", "这些设置没有问题"),
        "clean.nothing": ("Nothing here is at fault", "这里没有发现故障"),
        "clean.meant": (
            "No fault found; as it is written, {refused} of {all} requests get {statuses}",
            "未发现故障；按照现有配置，{all} 个请求中有 {refused} 个得到 {statuses}",
        ),
        "undecided.why": ("Not decided: {why}", "无法判定：{why}"),
        "undecided.nothing": ("Not decided: nothing was given that could be checked", "无法判定：没有可供检查的内容"),
        # the parts of a report
        "title": ("Which layer refused", "是哪一层拒绝了请求"),
        "way": ("The way of the request", "请求经过的路径"),
        "found": ("What is wrong", "问题所在"),
        "others": ("Also found", "其他发现"),
        "requests": ("What each request gets", "每个请求的结果"),
        "checked": ("Checked", "已检查"),
        "not_checked": ("Not checked", "未检查"),
        "legend": ("Stand-ins", "替代说明"),
        # a finding
        "request": ("Request", "请求"),
        "layer": ("Layer", "层"),
        "cause": ("Cause", "原因代码"),
        "certainty": ("Certainty", "确定程度"),
        "because": ("{sure}: {because}", "{sure}：{because}"),
        "place": ("Line", "位置"),
        "evidence": ("Evidence", "证据"),
        "remedy": ("Remedy", "解决办法"),
        "particular": ("In this case: {remedy}", "针对本例：{remedy}"),
        "change": ("The smallest change", "最小改动"),
        "next": ("Run next", "下一步执行"),
        "tell_apart": ("How to tell it apart", "如何与相似原因区分"),
        "verified": ("Tried", "实测"),
        # a row of the table
        "asked": ("Request", "请求"),
        "gets": ("Gets", "得到"),
        "decided": ("Decided by", "由何处决定"),
        "dropped": ("no answer, the connection is closed", "没有应答，连接被关闭"),
        "served": ("a file of nginx's own", "nginx 自己的文件"),
        "unknown": ("not decided", "无法判定"),
        "arrives": ("→ {uri}", "→ {uri}"),
        # what was left out
        "more": ("…and {count} more", "……另有 {count} 条"),
        "cut": ("… ({count} characters more)", "……（另有 {count} 个字符）"),
        # the picture
        "picture": (
            "The layers on the way of the request, from the caller to the application",
            "请求从调用者到应用所经过的各层",
        ),
        "passed": ("passed", "已通过"),
        "at-fault": ("refuses or at fault", "拒绝或出错"),
        "refusing": ("refuses", "拒绝"),
        "wrong": ("at fault", "出错"),
        "unsure": ("not decided", "无法判定"),
        "unseen": ("not looked at", "未查看"),
        "sends": ("sends", "发出请求"),
    }
)  # fmt: skip

CERTAINTIES: Final[Mapping[Certainty, Said]] = MappingProxyType(
    {
        Certainty.PROVEN: ("proven", "已证实"),
        Certainty.LIKELY: ("likely", "很可能"),
        Certainty.POSSIBLE: ("possible", "可能"),
    }
)
CERTAIN_BECAUSE: Final[Mapping[Certainty, Said]] = MappingProxyType(
    {
        Certainty.PROVEN: (
            "the part that refused said so, or its rule was evaluated, or it was tried",
            "拒绝的一方自己说明了原因，或其规则已被求值，或已实测",
        ),
        Certainty.LIKELY: ("the evidence fits this better than any other known cause", "证据与此原因最为吻合"),
        Certainty.POSSIBLE: ("the evidence fits this, and other causes as well", "证据与此相符，也与其他原因相符"),
    }
)

CLIENT: Final = "client"
NGINX: Final = "nginx"
GATE: Final = "gate"

STOPS: Final[Mapping[str, Said]] = MappingProxyType(
    {
        CLIENT: ("the caller", "调用者"),
        Layer.DNS: ("the name's look-up", "域名解析"),
        Layer.TCP: ("the connection", "建立连接"),
        Layer.CONTAINER_PORT: ("the container's published port", "容器映射的端口"),
        Layer.TLS_MTLS: ("encryption and client certificate", "加密与客户端证书"),
        Layer.FORWARD_PROXY: ("the caller's own proxy", "调用者一侧的代理"),
        Layer.CDN: ("content delivery network", "内容分发网络"),
        Layer.WAF: ("web application firewall", "Web 应用防火墙"),
        Layer.HOST: ("which host was asked for", "请求的主机名"),
        Layer.ROUTE: ("which path was asked for", "请求的路径"),
        NGINX: ("the web server in front", "前置的 Web 服务器"),
        Layer.NGINX_LOCATION: ("which location answers", "由哪个 location 处理"),
        Layer.NGINX_ACCESS: ("rules on addresses and methods", "地址与方法规则"),
        Layer.NGINX_RETURN: ("return, if, map and the like", "return、if、map 等"),
        Layer.NGINX_AUTH: ("password or gate by subrequest", "密码或子请求鉴权"),
        Layer.HEADER_PASSTHROUGH: ("headers handed on", "请求头的传递"),
        Layer.CORS_PREFLIGHT: ("the browser's question before", "浏览器的预检请求"),
        Layer.CORS_RESPONSE: ("what the page may read", "页面能否读取应答"),
        Layer.RATE_LIMIT: ("requests in a time", "单位时间的请求数"),
        Layer.UPLOAD: ("size and kind of the upload", "上传的大小与类型"),
        Layer.FILESYSTEM: ("permissions of files", "文件权限"),
        Layer.MANDATORY_ACCESS: ("SELinux, AppArmor", "SELinux、AppArmor"),
        Layer.UPSTREAM_CONNECT: ("from proxy to application", "从代理到应用的连接"),
        GATE: ("who may use the application", "谁可以使用应用"),
        Layer.API_KEY: ("the key", "密钥"),
        Layer.SIGNATURE: ("the request's signature", "请求签名"),
        Layer.JWT: ("the token", "令牌"),
        Layer.AUTHORIZER: ("who may use the interface", "接口的授权方"),
        Layer.POLICY: ("rules on who may do what", "权限策略"),
        Layer.QUOTA: ("the caller's allowance", "调用配额"),
        Layer.APP: ("the application", "应用"),
    }
)
"""What each stop on the way is about."""
