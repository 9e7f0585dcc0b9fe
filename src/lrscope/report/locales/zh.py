"""中文。"""

COMMA, CONJUNCTION, SEMICOLON, ASIDE, SPACE = "、", "、", "；", "（{}）", ""

METRICS = {
    "": "指标", "acc": "准确率", "accuracy": "准确率", "loss": "损失", "log-loss": "对数损失", "token accuracy": "词元准确率",
    "bits per byte": "每字节比特数", "exact match": "完全匹配率", "macro-F1": "宏平均 F1", "perplexity": "困惑度",
}  # fmt: skip
SETTINGS = {"full fine-tuning": "全参数微调", "head alone": "仅分类头"}

WORDS = {
    "title": "该用哪个学习率，把握有多大？",
    "answer": "推荐",
    "by-rate": "不同学习率下的 dev {metric}",
    "comparison": "学习率对比",
    "table": "结果",
    "curves": "训练曲线",
    "findings": "发现",
    "advice": "下一步",
    "method": "方法",
    "reproduce": "重新训练",
    "unread": "未能识别的行",
    "settings": "来源中记录的设置",
    "setting": "设置",
    "seeds": "种子数",
    "dev-end": "dev {metric}（训练结束时）",
    "dev-best": "dev {metric}（最佳轮）",
    "train-loss": "训练损失（结束时）",
    "train-metric": "训练 {metric}（结束时）",
    "dev-exact-match": "dev 完全匹配率（结束时）",
    "dev-loss": "dev 损失（结束时）",
    "test": "test {metric}（不参与选择）",
    "gap": "与推荐设置的差距（95% 区间）",
    "gap-that-ran": "与已运行者中首选的差距（95% 区间）",
    "verdict": "判断",
    "contender": "可能最佳",
    "too low": "过低",
    "too high": "过高",
    "worse": "已排除",
    "no value": "无结果",
    "diverged": "已发散",
    "interrupted": "未完成",
    "failed": "失败",
    "guessing": "猜测",
    "guessing-level": "猜测（{value}）",
    "first": "推荐",
    "first-that-ran": "已运行者中的首选",
    "second": "次选",
    "high": "高",
    "medium": "中",
    "low": "低",
    "epoch": "轮",
    "step": "步",
    "at-epoch": "第 {epoch} 轮",
    "at-step": "第 {step} 步",
    "rate": "峰值学习率",
    "line": "行",
    "minutes": "约 {minutes} 分钟",
    "minutes-unknown": "耗时未知",
    "dev-metric": "dev {metric}",
    "dev": "dev",
    "train": "训练",
    "loss": "损失",
    "interval": "95% 区间",
    "one-seed": "单个种子",
    "seed-range": "各种子的范围",
    "seed-range-of-best": "各种子的范围（领先的 {number} 组）",
    "num-diverged": "{number} 次发散",
    "toggle": "显示或隐藏",
    "source": "来源：{source}。由 lrscope {version} 生成。",
    "written": "{page} 和 {text} 已写入 {folder}",
    "several-dev-sets": "没有优胜者：这些训练在不同的 dev 集上评估，不能比较：{sets}。",
    "on-dev-set": "在 {dev_set} 上评估：",
    "report-at": "报告：{page}",
    "legend-spread": "± 为各种子间的标准差。",
    "legend-gap": "差距为正，表示推荐的设置更好。",
    "legend-gap-that-ran": "差距为正，表示已运行者中的首选更好。",
    "legend-interval": "差距的区间含 0，表示单看这一比较分不出两者优劣；“判断”一列还计入与其他设置的比较。",
    "times-as-large": "是它的 {times} 倍",
    "under-a-tenth": "不到它的十分之一",
    "estimate": "{value}（{ratio} 倍标准误）",
    "range": "{low} 至 {high}",
    "many-settings": "{first} …… {last}（共 {number} 组设置）",
}

_RECORDED = (
    "每组只有一个种子，种子噪声并非实测，而是取自 {settings} 组同类设置的记录（模型不超过 {largest} 参数）：其中只有种子不同的训练，"
    "{metric} 的标准差约为其 {usual}，95% 的同类设置低于 {high}。在这里相当于 {sd}，目前的领先 {lead} {times}。"
)

SAY = {
    # 推荐
    "no-recommendation": "无法推荐任何设置。",
    "no-value": "没有任何一次训练得到 dev {metric}。",
    "all-diverged": "每一次训练都发散了：请尝试更低的学习率。",
    "all-failed": "每次训练都失败了，没有可以比较的结果。",
    "no-evaluation/how": "在 {source} 中没有找到 dev 集上的评估：比较需要 dev 集上的得分。下次训练时请同时评估：{how}。",
    "no-evaluation/bare": "在 {source} 中没有找到 dev 集上的评估：比较需要 dev 集上的得分。下次训练时请同时评估，并记录 dev loss。",
    "other-dev-sets": "这些训练在 {here} 上评估。同一批文件中的其他训练在 {others} 上评估，不能与这些比较，另有报告。",
    "nothing-learned": "没有任何设置被证明优于猜测：最好的 dev {metric} 为 {value}，来自 {arm}；猜测可得 {baseline}。",
    "use": "推荐 {arm}。",
    "use-rate": "推荐 lr {rate}。",
    "searched/bracketed": "{runs} 次运行的验证损失在此处最低：最佳学习率位于 {interval}（95%），预计此学习率的损失比最佳值高 {cost}。",
    "searched/open": "目前最好的学习率位于已运行范围的一端，因此这里依据 {runs} 次运行和此前已知的信息：最佳学习率位于 {interval}（95%），预计此学习率的损失比最佳值高 {cost}。",
    "searched/bracketed-errors": "{runs} 次运行的错误回答在此处最少：最佳学习率位于 {interval}（95%），预计此学习率的错误回答比最佳值多 {cost}。",
    "searched/open-errors": "目前最好的学习率位于已运行范围的一端，因此这里依据 {runs} 次运行和此前已知的信息：最佳学习率位于 {interval}（95%），预计此学习率的错误回答比最佳值多 {cost}。",
    "searched/bare": "{runs} 次运行的结果在此处最好。",
    "best-that-ran": "在已经运行过的学习率中，首选 {arm}。",
    "searched-elsewhere": "综合全部运行，最佳学习率在 lr {rate} 附近，但该指标并不支持这一点。",
    "winner/measured": "其他设置均已排除。",
    "winner/measured-part": "其他有结果的设置均已排除。",
    "winner/assumed-part": "若种子间的差异不超过假定值，其他有结果的设置均已排除。",
    "winner/assumed": "若种子间的差异不超过假定值，其他设置均已排除。",
    "tie/close": "它并未被证明最好：{close} 的表现相近。",
    "tie/behind": "它并未被证明最好：{behind} 此次表现较差，但尚不能排除。",
    "tie/both": "它并未被证明最好：{close} 的表现相近；{behind} 此次表现较差，但尚不能排除。",
    "equivalent": "{others} 与它等效：差异小于 {margin}。",
    "only-one": "只有 {arm} 在训练结束时有结果。",
    "not-compared": "没有可比较的对象。",
    "rates-not-applied": "学习率没有传到训练中：{arms} 的训练完全相同。",
    "not-comparable": "它并未被证明最好：种子噪声未知，其他设置都无法排除。",
    "confidence/winner": "把握：{level}。其他设置均已排除，且种子噪声是实测的。",
    "confidence/equivalent": "把握：{level}。剩下的设置在容许差异内等效，且种子噪声是实测的。",
    "confidence/firm": "把握：{level}。种子噪声是假定的，并非实测；但即使大到十倍，结论也不变。",
    "confidence/recorded": "把握：{level}。种子噪声取自其他设置的记录，并非在此实测；但即使大到那里常见值的十倍，结论也不变。",
    "confidence/undecided": "把握：{level}。种子噪声是实测的，但仍有多组设置可能最佳。",
    "confidence/none-ruled-out": "把握：{level}。试过的设置目前一组也排除不了。",
    "confidence/unfinished": "把握：{level}。全部训练结束之前，这一结论只是暂时的。",
    "confidence/edge": "把握：{level}。最佳学习率可能在网格之外。",
    "confidence/unmeasured": "把握：{level}。没有结果的设置也可能最佳。",
    "confidence/few-seeds": "把握：{level}。每组设置不足三次训练。",
    "confidence/assumed": "把握：{level}。种子噪声是假定的，并非实测：请用多个种子训练每组设置。",
    "confidence/unknown": "把握：{level}。种子噪声未知：请用多个种子训练每组设置。",
    "confidence/same-seeds": "把握：{level}。种子对训练没有影响，因此种子噪声未测得。",
    "confidence/alone": "把握：{level}。没有其他设置可以比较。",
    "at-edge/low": "{arm} 是有结果的最低学习率：最佳学习率可能更低。",
    "at-edge/high": "{arm} 是有结果的最高学习率：最佳学习率可能更高。",
    "chosen-below/expected": (
        "{best} 的均值更好（dev {metric} 为 {best_value}，{arm} 为 {value}），但差异未超出噪声；{arm} 最接近最佳学习率的预期位置。"
    ),
    "chosen-below/middle": (
        "{best} 的均值更好（dev {metric} 为 {best_value}，{arm} 为 {value}），但差异未超出噪声；{arm} 位于可能最佳的学习率的中间。"
    ),
    "chosen-below/cheaper": (
        "{best} 的均值更好（dev {metric} 为 {best_value}，{arm} 为 {value}），但差异未超出噪声；{arm} 的训练耗时更少。"
    ),
    "expected/higher": (
        "在新样本上，dev {metric} 预计为 {expected}（观察值 {observed}；从 {number} 组中挑最高者，分数会偏高约 {correction}）。"
    ),
    "expected/lower": (
        "在新样本上，dev {metric} 预计为 {expected}（观察值 {observed}；从 {number} 组中挑最低者，数值会偏低约 {correction}）。"
    ),
    "expected/equal": "在新样本上，dev {metric} 预计为 {expected}，与观察值相同。",
    "expected/equal-these": "换用新种子时，这个 dev 集上的 {metric} 预计为 {expected}，与观察值相同。",
    "expected/higher-these": (
        "换用新种子时，这个 dev 集上的 {metric} 预计为 {expected}（观察值 {observed}；从 {number} 组中挑最高者，分数会偏高约 "
        "{correction}）。"
    ),
    "expected/lower-these": (
        "换用新种子时，这个 dev 集上的 {metric} 预计为 {expected}（观察值 {observed}；从 {number} 组中挑最低者，数值会偏低约 "
        "{correction}）。"
    ),
    "of-epochs": "其中 {correction} 是因为取了每次训练的最佳轮。",
    "all-the-same": "全部 {number} 个结果完全相同（{value}）：无法区分各设置。对所有样本都给出同一答案的模型，或学习率没有真正生效，都会如此。",
    "also-differ": "除学习率外，这些设置的 {settings} 也不同，因此差异不只来自学习率。",
    "without-value": "训练结束时没有结果：{arms}。",
    # 发现
    "too-low": "过低：{arms}。另有设置显著更好，相差 {gap}。",
    "too-high": "过高：{arms}。另有设置显著更好，相差 {gap}。",
    "not-best": "已排除：{arms}。另有设置显著更好，相差 {gap}。",
    "not-above-guessing": "未被证明优于猜测（{baseline}）：{arms}。",
    "ruled-out-by-order": "由相邻设置排除：{arms}。它与更好的设置之间，有学习率显著更差；再往外只会更差。",
    "two-peaks": "这些结果与“沿学习率只有一个峰”相矛盾（p = {p}），因此不按相邻关系排除任何学习率。",
    "undecided": "{arms} 之间无法区分：差距要达到 {needed}，才能排除其中一组。",
    "one-setting": "只有一组设置，没有可比较的对象。",
    "confounded": "各组设置除学习率外，{settings} 也不同，因此差异不能归因于学习率。",
    "peak": "对结果拟合的平滑曲线在学习率 {rate} 处最好（95% 区间 {interval}）。",
    "peak-open": "对结果拟合的平滑曲线在学习率 {rate} 处最好，但最佳值可能在试过的范围（{tried}）之外。",
    "prior-held": "训练之前，最佳学习率预计在 {expected}（80% 区间）；这些结果给出 {rate}，在区间之内。",
    "prior-missed": "训练之前，最佳学习率预计在 {expected}（80% 区间）；这些结果给出 {rate}，距预计的中点 {deviation} 个标准差。",
    "edge-low": "{arm} 是试过的最小学习率，且可能最佳：最佳值可能低于网格范围。",
    "edge-high": "{arm} 是试过的最大学习率，且可能最佳：最佳值可能高于网格范围。",
    "still-improving": "{arm} 在{at}结束时仍在改善：最后三分之一的训练中改善了 {gain}。",
    "unstable": "{arm} 不稳定：dev {metric} 变差后又恢复，共 {number} 次，最多变差 {fall}。",
    "worse-after-best": "{arm} 在{at}最好，此后变差 {fall}。",
    "overfitting": "{arm} 过拟合：训练 {metric} 为 {train}，dev {metric} 为 {dev}；差距从{at}开始。",
    "dev-loss-rises": "{arm} 过拟合：dev 损失在{at}最低（{least}），结束时为 {last}。",
    "several-overfit": "{arms} 过拟合：结束时，训练 {metric} 比 dev {metric} 好 {gap}。",
    "several-dev-losses-rise": "{arms} 过拟合：dev 损失降到最低后回升，结束时高出 {rise}。",
    "dev-test-gap": "{arm}：test {metric} 为 {test}；dev 减 test 为 {gap}（95% 区间 {interval}）。",
    "diverged": "{arm} 在 {of} 次训练中发散 {number} 次（发散率的 95% 区间：{interval}）。",
    "failed": "{arm} 在 {of} 次训练中失败 {number} 次（失败率的 95% 区间：{interval}）。",
    "seed-collapsed": "{arm} 的种子 {seed} 最终为 {value}，而其他种子在 {middle} 左右：这次训练失败了。",
    "assumed-spread/default": (
        "种子间的标准差无法从这些训练中测得，这里假定为 {sd}（42M 模型在 SST-5 上的实测值）。若为 {flips}，仍可能最佳的设置就会不同。"
        "可用 --seed-sd 指定。"
    ),
    "assumed-spread/default-firm": (
        "种子间的标准差无法从这些训练中测得，这里假定为 {sd}（42M 模型在 SST-5 上的实测值）。从它的十分之一到十倍，结论都不变。"
        "可用 --seed-sd 指定。"
    ),
    "assumed-spread/asked": (
        "种子间的标准差无法从这些训练中测得，这里按您的指定假定为 {sd}。若为 {flips}，仍可能最佳的设置就会不同。"
    ),
    "assumed-spread/asked-firm": (
        "种子间的标准差无法从这些训练中测得，这里按您的指定假定为 {sd}。从它的十分之一到十倍，结论都不变。"
    ),
    "recorded-spread/more": _RECORDED + "若种子间的差异大于 {flips}，仍可能最佳的设置就会不同。可用 --seed-sd 指定。",
    "recorded-spread/less": _RECORDED + "若种子间的差异小于 {flips}，仍可能最佳的设置就会不同。可用 --seed-sd 指定。",
    "recorded-spread/firm": _RECORDED + "即使大到十倍，结论也不变。可用 --seed-sd 指定。",
    "unknown-spread": (
        "这些训练看不出 {metric} 在种子间的差异，因此无法排除任何设置。请增加种子，或用 --seed-sd 指定。"
    ),
    "unknown-size": "dev 集的大小未知，因此结论只对这个 dev 集成立。可用 --dev-size 给出大小，以计入它的噪声。",
    "means-only": "只知道每次训练的 {metric} 均值，不知道它在样本间的差异，因此结论只对这个 dev 集成立。",
    # 下一步
    "more-seeds": "为这些设置各训练 {seeds} 个种子：能以 80% 的检验功效发现 {difference} 的差异。",
    "try-some-seeds": (
        "要以 80% 的检验功效发现 {difference} 的差异，这些设置各需 {seeds} 个种子。目前的领先为 {lead}：增加到最多 {tried} 个种子"
        "也许就够了。"
    ),
    "more-examples": (
        "dev 集太小，无法发现 {difference} 的差异：大约需要 {examples} 个样本和 {seeds} 个种子（检验功效 80%）。"
    ),
    "undetectable": "用 {seeds} 个种子，无论 dev 集多大，都无法发现 {difference} 的差异。",
    "measure-seeds": "每个设置各训练 {seeds} 个种子，以实测仅由种子造成的差异。",
    "retry-failed": "排除失败的原因后，重新训练失败的那些（{number} 次）。",
    "wider-grid": "再试学习率 {rate}：最佳值可能在网格之外。",
    "finer-grid": "再试学习率 {rates}：最佳学习率附近的间隔太大。",
    "scale-batch": (
        "这个学习率对应的批大小为 {batch}。批更大时，请比较按倍数的平方根缩放（常用于 Adam）与线性缩放（常用于 SGD；"
        "--scale-lr linear）。"
    ),
    "train-longer": "训练 {epochs} 轮：这些训练仍在改善，现在比较可能为时过早。",
    "regularise": "试试更大的 dropout 或权重衰减，以减轻过拟合。",
    "stop-early": "使用早停：这些训练在最佳轮之后变差了。",
    "longer-warmup": "试试更长的预热：它往往能让较大的学习率保持稳定。",
    "compare-schedules": "在相同轮数下，比较恒定学习率与会衰减的调度。",
    # 方法
    "by-example": "在共有的种子上逐样本比较各组设置。种子和样本带来的方差分别估计，因此结论对新种子和新样本都成立。",
    "by-share": (
        "只知道平均分数。{size} 个 dev 样本的噪声按二项分布计算，即 p(1 − p)/n，并视各组设置相互独立，这是保守的做法。"
    ),
    "by-value": "每次训练只有一个数值，因此结论只对这个 dev 集成立。",
    "ruling-out": (
        "若另一组设置显著更好（水平 {error}，已作多重比较校正），该设置即被排除。最佳设置在剩下的设置之中，置信度至少为 {level}。"
    ),
    "single-peak": (
        "除非结果与之矛盾，假定分数沿学习率只有一个峰：若某学习率与更好的设置之间有一个显著更差，它也被排除。"
    ),
    "intervals": "差距的区间对所有两两比较同时成立。排除一组设置所需的证据较少，因此区间含 0 的设置也可能被排除。",
    "choosing/expected": (
        "在剩下且均值与其中最好者相差不超过一个标准误的设置中，首选是学习率（取对数）最接近最佳值预期位置的一组"
        "（反复模拟本研究，取最佳位置的平均）；其次取耗时较少的；"
        "再次取均值较好的。"
    ),
    "choosing/middle": "在剩下且均值接近其中最好者的设置中，首选是学习率（取对数）最接近它们中间的一组；其次取耗时较少的；再次取均值较好的。",
    "choosing/cheaper": "在剩下且均值与其中最好者相差不超过一个标准误的设置中，首选是耗时较少的一组；其次取均值较好的。它们的不同不只在学习率，因此没有中间可取。",
    "confidence-rule": (
        "把握为高：只剩一组设置，或剩下的设置在容许差异内等效；种子噪声由至少三个种子实测；且最佳值不在网格边缘，也不会是没有结果的设置；且计划的训练全部结束。把握为中：仍有多组设置"
        "可能最佳；或种子噪声是假定的，但从常见值的十分之一到十倍，结论都不变。其余情况把握为低。"
    ),
    "looks": "这项研究按计划分几次检查：各次检查共用 {error} 的错误率，本次用去 {nominal}。",
    "at-end": "分数取自训练结束时。最佳轮只作展示，不用于比较：从多轮中取最好值，会因偶然而过于乐观。",
    "at-best-epoch": "按要求，分数取自每次训练在 dev 上的最佳轮。从多轮中取最好值会因偶然而过于乐观，预期分数已就此修正。",
    "test-unused": "已知的 test 分数只作展示，绝不用于选择。",
}
