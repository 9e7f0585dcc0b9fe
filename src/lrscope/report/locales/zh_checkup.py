"""中文：单次训练的体检。"""

WORDS = {
    "checkup": "体检",
    "checkup-title": "单次训练的体检",
    "log-loss": "训练过程中的损失",
    "log-rate": "训练过程中的学习率",
    "applied-rate": "学习率",
    "log-entry": "日志条目",
    "at-entry": "日志第 {entry} 条",
    "of-arms": "{arms}：{sentence}",
    "of-some-runs": "{arms}（{of} 次训练中的 {number} 次）：{sentence}",
    "shape-linear": "线性衰减",
    "shape-cosine": "余弦衰减",
    "shape-polynomial": "多项式衰减",
    "shape-inverse-sqrt": "平方根倒数衰减",
    "shape-exponential": "指数衰减",
    "shape-step": "分段衰减",
    "shape-warmup-stable-decay": "先恒定后衰减",
    "shape-constant": "恒定",
    "shape-restarts": "带重启的衰减",
    "shape-one-cycle": "单周期",
    "shape-warming up": "持续上升",
    "shape-curved": "未知的形状",
    "shape-unknown": "形状未知（记录得太少）",
    "of-warmup": "预热 {length}",
    "of-peak": "峰值 {rate}",
    "highest-logged": "记录中最高为 {rate}",
    "peak-read-back": "峰值 {rate}（推算值：日志中没有）",
    "over": "，共 {length}",
    "of-floor": "降至峰值的 {share}",
    "last-logged": "最后一条记录为峰值的 {share}",
    "so-many-steps": "{number} 步",
    "so-many-epochs": "{number} 轮",
    "so-many-entrys": "{number} 条日志",
}

SAY = {
    "one-run": "只有一次训练，没有可比较的对象：以下是它的体检。",
    # 调度
    "schedule-applied": "实际使用的调度：{schedule}。",
    "schedule-known": "实际使用的调度：{schedule}，峰值 {peak}，共 {steps} 步。",
    "rates-not-logged": "日志中没有逐步记录学习率，因此无法检查调度。",
    "rate-always-zero/untrained": (
        "日志中的学习率全为 0，损失也没有下降：优化器什么都没有改变。调度长度为 0，或在优化器得到学习率之前就建立了调度，都会如此。"
    ),
    "rate-always-zero/rounded": "日志中的学习率全为 0，但损失在下降：学习率在写入时被舍入了。请记录更多位数。",
    "rate-always-zero/unclear": "日志中的学习率全为 0：或是写入时被舍入了，或是什么都没有训练，从损失看不出是哪一种。请记录更多位数。",
    "rate-zero-at-first": "{at}的学习率为 0。这没有影响：预热从 0 开始，因此第一步什么都不改变。",
    "rate-zero-until": (
        "直到{at}，学习率都为 0：在此之前什么都没有训练。寻找 float16 损失缩放时跳过更新，或预热所计的不是更新步数，都会如此。"
    ),
    "rate-still-high/unfinished": (
        "日志在{at}结束，而训练计划到{length}，学习率仍为最高值的 {share}。训练提前停止、中断或仍在进行，因此最后的得分不是完整调度的得分。"
    ),
    "rate-still-high/longer": (
        "训练在{at}完成，学习率仍为峰值的 {share}：调度的长度到{length}，比训练更长。计算步数时用了更多的轮数，或没有计入梯度累积或设备数。"
    ),
    "rate-still-high/log-ends": (
        "日志在{at}结束，学习率仍为峰值的 {share}；调度应到{length}。训练或日志在此中断，或者调度比训练更长。"
    ),
    "rate-ended-early/zero": (
        "从{at}起（训练的 {share} 处），学习率为 0：此后什么都没有学到。调度比训练短，例如每个微批次或每个设备都步进一次，或按更少的轮数计算。"
    ),
    "rate-ended-early/floor": (
        "在{at}（训练的 {share} 处），学习率降到最低值，即峰值的 {floor}，此后不变。若并非有意设此下限，则衰减比训练短。"
    ),
    "rate-jumps": "在{at}，学习率发生跳变（之前 {before}，之后 {after}），而调度在此前后都是平滑的，如同以另一个调度、长度或学习率恢复了训练。",
    "warmup-unfinished/complete": "预热没有完成：训练结束时学习率仍在上升（{at}为 {rate}）。预热比训练还长。",
    "warmup-unfinished/log-ends": "日志结束时学习率仍在上升（{at}为 {rate}）：峰值不在日志中。",
    "decay-not-applied": "设置要求的调度是 {asked}，但学习率始终为 {rate}：调度没有步进，或使用了另一个调度。",
    "trained-twice/same": "日志中{low}到{high}出现了两次，如同从较早的检查点恢复。两次的学习率相同；以第二次的数值为准。",
    "trained-twice/other": (
        "日志中{low}到{high}出现了两次，如同从较早的检查点恢复。第二次的学习率不同（{second}，而不是 {first}）：调度的状态没有恢复，"
        "或调度被改动了。"
    ),
    "steps-differ": (
        "一轮用了 {steps} 次更新，而 {examples} 个样本、批大小 {batch} 应为 {expected} 次。样本被打包或筛选了，或者批大小与设置不符。"
    ),
    "nothing-odd/some": "{entries} 条日志中，就所记录的学习率、损失和梯度范数而言，没有其他异常。",
    "nothing-odd/short": "训练只有 {entries} 步，太少，大多数检查无法进行。",
    "nothing-odd/few": "日志太少（{entries} 条），大多数检查无法进行。下次请更频繁地记录，例如每 10 步一次。",
    # 损失与梯度
    "loss-unmoved/equal": (
        "训练损失在全部 {entries} 条记录中都是 {first}：什么都没有训练。参数被冻结、不在优化器中，或学习率太低。"
    ),
    "loss-unmoved/level": (
        "训练损失没有变化：前三分之一为 {first}，后三分之一为 {last}。学习率太低，应训练的部分被冻结，或模型已无可学。"
    ),
    "dev-unmoved": "dev 损失在全部 {evaluations} 次评估中到最后一位都是 {value}：被评估的参数没有变化。",
    "gradient-zero": (
        "{all_entries} 条记录中有 {entries} 条的梯度范数为 0：损失与所训练的部分无关。参数被冻结、标签全被屏蔽，都会如此。"
    ),
    "gradient-not-finite/half": (
        "{all_entries} 条记录中有 {entries} 条的梯度范数不是有限数（首次在{at}），而损失是。使用 float16 时，损失缩放会跳过这些更新；"
        "开头有几次是正常的。"
    ),
    "gradient-not-finite/unknown": (
        "{all_entries} 条记录中有 {entries} 条的梯度范数不是有限数（首次在{at}），而损失是。使用 float16 时，损失缩放会跳过这些更新，"
        "少数几次是正常的；在其他精度下，它们会损坏参数。"
    ),
    "always-clipped/known": "梯度范数约为 {norm}，而梯度在 {clip} 处裁剪：几乎每次更新都被裁剪，梯度的长度由裁剪决定。",
    "always-clipped/default": (
        "梯度范数约为 {norm}。如果像 Trainer 默认的那样在 {clip} 处裁剪，几乎每次更新都被裁剪，梯度的长度由裁剪决定。"
    ),
    # 发散
    "loss-broke/nan": "训练发散：从{at}起，损失不是数。",
    "loss-broke/nan-start": "从第一条日志（{at}）起，损失就不是数。",
    "loss-broke/zero": (
        "训练最迟在{at}发散：损失为 0.0，且评估或梯度范数不是数。Trainer 记录时会替换不是数的损失"
        "（logging_nan_inf_filter），若全都不是数，则写为 0.0。"
    ),
    "loss-broke/zero-start": (
        "从第一条日志（{at}）起，损失就为 0.0，且评估或梯度范数不是数。Trainer 记录时会替换不是数的损失（logging_nan_inf_filter），"
        "若全都不是数，则写为 0.0。"
    ),
    "loss-broke/gradient": "训练发散：{at}的梯度不是数，当时损失为 {first}；没有用它更新参数。",
    "loss-broke/rose": "训练发散：损失最低为 {first}，最迟在{at}上升，没有恢复，结束时为 {last}。",
    "loss-rose-alone": "训练损失最迟在{at}从 {first} 升到 {last} 并停留在那里，但验证损失没有随之上升。训练没有发散：更难的数据，或损失的算法、记录方式有变，都会如此。",
    "broke-at-rate": "在此之前最后记录的学习率为 {rate}，即最高值的 {share}。",
    "loss-zero/norm-zero": "从{at}起，损失恰为 0，梯度范数也为 0：此后什么都没有训练。标签全被屏蔽会如此。",
    "loss-zero/unclear": (
        "从{at}起，损失恰为 0。没有评估或梯度范数，日志看不出原因：Trainer 会把不是数的损失写为 0.0（logging_nan_inf_filter），"
        "标签全被屏蔽时损失也是 0。"
    ),
    "loss-not-finite": "有 {entries} 条日志的损失不是数（首次在{at}），之后又恢复：个别批次没有标签，或溢出的更新被跳过。",
    "dev-not-finite": (
        "{all_evaluations} 次评估中有 {evaluations} 次的 dev 损失不是数（首次在{at}），而训练损失是。请检查评估：有批次没有标签，"
        "或评估时使用了 float16。"
    ),
    "loss-spikes/recovered": (
        "损失突然远高于平时，随后恢复（{times} 次），最大的一次在{at}：{top}，平时约为 {usual}。"
    ),
    "loss-spikes/log-ends": (
        "损失突然远高于平时（{times} 次），最大的一次在{at}：{top}，平时约为 {usual}。日志在恢复之前就结束了。"
    ),
    "divergence-cause/rate-runs": "可能的原因：学习率。达到或超过这个学习率的训练全都发散，低于它的都没有。",
    "divergence-cause/rate-norm": (
        "可能的原因：学习率。发散之前，梯度范数不断增长（开始约 {norm_before}，最后 {norm_after}），学习率过大时通常如此。"
    ),
    "divergence-cause/rate-loss": "可能的原因：学习率。发散之前的 {entries} 条记录中，损失持续上升。",
    "divergence-cause/precision": "可能的原因：float16。梯度范数在 {entries} 条记录中溢出，而损失当时还是数。",
    "divergence-cause/precision-unknown": (
        "无法确定原因。梯度范数先于损失变得不是数（{entries} 条记录），如同 float16 溢出；日志没有写明训练的精度。"
    ),
    "divergence-cause/batch": (
        "可能的原因：某个批次。梯度范数一直平稳（约 {norm_before}），在一条记录之内骤增；学习率过大时，梯度范数通常会在许多步内逐渐增长。"
    ),
    "divergence-cause/sudden": (
        "无法确定原因。事前没有征兆：直到损失出错，梯度范数一直平稳（约 {norm_before}）。这更像是某个批次或精度的问题，而不是学习率。"
    ),
    "divergence-cause/low-rate": (
        "学习率不太可能是原因：训练曾以十倍以上的学习率进行，而在峰值的 {share} 处才出错。请检查那里的批次，以及精度。"
    ),
    "divergence-cause/highest-rate": (
        "无法确定原因。出错时学习率接近到那时为止的最高值（峰值的 {share}），因此首先怀疑学习率；日志中没有或缺少足够的梯度范数来证实。"
    ),
    "divergence-cause/start": (
        "从日志无法得知原因：在此之前没有记录。首先要怀疑的不是调度：请检查没有标签的批次、精度，以及所加载的权重。"
    ),
    "divergence-cause/coarse": "从日志无法得知原因：事前没有征兆，但两条记录之间相隔 {apart} 次更新，可能掩盖了上升。",
    "divergence-cause/coarse-entries": "从日志无法得知原因：事前没有征兆，但两条记录之间相隔多少次更新不得而知，可能掩盖了上升。",
    "divergence-cause/rate-huge": "原因是学习率：它远高于训练模型时使用的任何学习率。",
    "divergence-cause/unknown": "从日志无法得知原因：在此之前的记录或梯度范数太少。",
    # 下一步
    "lower-rate/usual": "试试学习率 {rate}，这是常用的起点；lrscope find 可以找出适合该模型的范围。",
    "lower-rate/third": "试试学习率 {rate}，即它的三分之一；若仍发散，原因就不是学习率。",
    "use-bfloat16": "用 bfloat16 代替 float16 训练（--bf16）：它的范围与 float32 相同，不需要损失缩放。",
    "inspect-batch": "检查{at}附近的批次（过长或空的样本、标签全被屏蔽），或从此前恢复并跳过它们。",
    "keep-best/own": "使用{at}的检查点，那里的 dev 损失最低，或减少训练轮数。",
    "keep-best/trainer": "保留{at}的检查点，那里的 dev 损失最低（--load_best_model_at_end），或减少训练轮数。",
    "match-length": "让调度的步数等于训练的更新次数：轮数 × 样本数 /（批大小 × 累积步数 × 设备数），并且每次更新步进一次。",
    "log-more": "每一步都记录梯度范数（--logging_steps 1）：出错之前的几步会说明原因。",
    "check-trainable": "检查应训练的部分是否在优化器中、是否被冻结；然后试试学习率 {rate}。",
}
