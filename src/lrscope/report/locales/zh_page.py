"""中文：页面自身的用语、用时，以及 serve 的页面。"""

WORDS = {
    "time": "每次运行用时",
    "spent": "全部 {runs} 次运行共用时 {time}。",
    "some-seconds": "{seconds} 秒",
    "some-minutes": "{minutes} 分 {seconds} 秒",
    "some-hours": "{hours} 小时 {minutes} 分",
    "best-of": "{all} 个设置中最好的 {number} 个：",
    "all-settings": "全部 {number} 个设置",
    "more-findings": "其余 {number} 条发现",
    "interval-of-best": "95% 区间（最好的 {number} 个）",
    "all-studies": "全部研究",
    "studies-in": "{folder} 中的研究",
    "live-studies": "{studies} 项研究，{running} 项正在运行。",
    "live-running": "已完成 {done}/{all} 次运行；研究正在运行，本页自动更新。",
    "live-stopped": "已完成 {done}/{all} 次运行；目前没有运行。",
    "live-done": "已完成 {done}/{all} 次运行。",
    "live-left": "单个进程约需再用 {time}。",
    "study": "研究",
    "question": "问题",
    "state": "状态",
    "trial": "编号",
    "seed": "种子",
    "logged-losses": "训练损失（滑动平均）",
    "applied-rates": "实际使用的学习率",
    "copy": "复制",
    "copied": "已复制",
    "expected-before": "训练前的预期（80%）",
    "searched-rate": "依据全部运行的最佳学习率（95%）",
}

SAY: dict[str, str] = {}
